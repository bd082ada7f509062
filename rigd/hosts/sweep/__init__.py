"""The sweep host: many parameter sets over the same bars, in processes or on a cluster."""
