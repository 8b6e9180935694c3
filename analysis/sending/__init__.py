"""Weights & Biases is told what the folders hold. Whatever fails there is told through `logging` and changes no trial.

assessed         which suites of the safety assessment have scores, and their means
summary_content  the table and the answer that a summary run holds
wandb_summary    the study's leaderboard, verdict and page, as a run of its own
wandb_sync       `python -m analysis wandb-sync`: sends what an offline or broken connection kept back
dashboard        `medqa-sweeps wandb-view`: a saved view (dashboard_view) and a report (dashboard_report) of a study,
                 from the same panels (dashboard_panels) and words (dashboard_text)
"""
