"""How a trial is trained. `unsloth`: one trial through Unsloth and TRL's `SFTTrainer`."""
