"""The mission in about a minute: a live fleet is carried from a real IoTDB to PostgreSQL, and every point counted."""
