"""The vocabulary: values, money, time, ids, events, errors, states, ports. Plain Python."""
