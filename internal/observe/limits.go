package observe

import "time"

// Limits of log lines that wait to be written.
const (
	// maxLogLines and maxLogOctets bound the lines that wait for whoever takes them, as a pipe
	// whose reader has stopped; further ones are dropped and counted. They are what the limits of
	// failures that are logged bring in about ten seconds, with their names at their longest.
	maxLogLines  = 1 << 10
	maxLogOctets = 1 << 20
	// logPatience is how long the end of the process waits for the lines that are left.
	logPatience = time.Second

	// silences is after how many exchanges without a reply in a row, and silent after how long, the
	// log reports whether a server of the operator's, or that no server at all, answers.
	silences = 5
	silent   = 5 * time.Second
)
