"""What every service needs: settings, logging, health, connections to Kafka and Shotgun, shutdown."""
