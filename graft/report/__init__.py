"""What a person is shown: galleries, heat maps, the map, what to review, plots, and the HTML page with them all."""
