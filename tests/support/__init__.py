"""What tests share: inputs, tolerances, models and folders made by hand, programs."""
