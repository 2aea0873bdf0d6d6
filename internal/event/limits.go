package event

const (
	// maxTraced is how many events a trace keeps. A query with its MaxQueries packets causes fewer,
	// so only a fault of this program could reach it.
	maxTraced = 4096
	// maxLogged is how many lines of events, queries among them, are logged a second with log.level
	// debug: those of a hundred queries that the cache cannot answer, and too few for a flood to
	// fill a disk.
	maxLogged = 1000
)
