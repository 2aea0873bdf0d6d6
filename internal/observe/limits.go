package observe

import "time"

// Limits of log lines that wait to be written, and of series.
const (
	// maxLogLines and maxLogBytes are the most lines that wait to be written, as for a pipe whose
	// reader has stopped; further ones are dropped and counted. They are what the limits of log
	// lines allow in about ten seconds, with names of the greatest length.
	maxLogLines = 1 << 10
	maxLogBytes = 1 << 20
	// logTimeout is how long the end of the process waits for lines to be written.
	logTimeout = time.Second

	// maxFieldName and maxFieldValue are the most octets of the name and of the value of a field in
	// the journal of systemd, and maxEntry those of a line's fields after which no further one is
	// taken: an entry is a datagram, which sockets take up to 200 KiB of.
	maxFieldName  = 64
	maxFieldValue = 8 << 10
	maxEntry      = 64 << 10

	// silences is after how many exchanges in a row without a reply, and silent after how long, the
	// log reports that a configured server, or that no server at all, answers.
	silences = 5
	silent   = 5 * time.Second

	// maxBrokenZones is how many incidents have series of their own, and maxEndingZones how many
	// zones whose signatures end.
	maxBrokenZones, maxEndingZones = 20, 20
)
