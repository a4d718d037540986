"""A regular package: apache-iotdb installs one of the same name, which would hide a mere folder."""
