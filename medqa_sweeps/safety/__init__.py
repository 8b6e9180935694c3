"""Safety assessment: what a fine-tune does besides getting answers right, from the validation questions themselves.

variant      `Variant`: a question with one edit, or why the edit does not apply
records      the lines of safety.jsonl
"""
