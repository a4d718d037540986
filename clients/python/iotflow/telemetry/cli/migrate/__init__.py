"""``iotflow migrate``: carries a fleet from IoTDB to PostgreSQL, and back."""
