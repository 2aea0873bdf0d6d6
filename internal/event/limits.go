package event

const (
	// maxTraced is how many events a trace keeps: more than a query with its MaxQueries packets
	// brings, so that only a fault of ours could meet it.
	maxTraced = 4096
	// maxLogged is how many lines of events, queries among them, are logged a second with log.level
	// debug: those of a hundred queries that the cache cannot answer, and nothing that a flood
	// could fill a disk with.
	maxLogged = 1000
)
