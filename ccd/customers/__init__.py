"""Who customers are: how numbers are written, who has which, what is known of whom (docs/customers.md)."""
