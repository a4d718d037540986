from iotflow_server.routing.outcome import WriteOutcome as WriteOutcome
