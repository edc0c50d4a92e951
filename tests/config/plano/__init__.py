"""Files written for Plano."""
