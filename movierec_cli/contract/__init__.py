"""What every feature, family, metric and layout must do, built in or brought by a package."""
