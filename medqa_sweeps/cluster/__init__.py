"""What a sweep relies on between the machines of a cluster, tried there: `doctor --cluster`.

A probe runs on each of two slots and answers this process through files of a folder that all share, as trials do.

    exchange      questions to a probe, and its answers
    probe         the process on a node
    timing        clocks and delays, from the times of an exchange
    examination   asks two probes, and kills one that holds a lock
    findings      what their answers mean
"""
