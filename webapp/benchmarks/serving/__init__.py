"""How many parts a second are stored, scored and answered, beside a service that only scores them."""
