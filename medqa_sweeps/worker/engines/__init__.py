"""How trials are trained. `contract` is what every engine promises; `unsloth` trains one through TRL's `SFTTrainer`,
which `trainer` makes to cut a step into forward passes."""
