"""What reports of all capabilities are made of: tables, contact sheets, costs, cards."""
