// Limits of one check; docs/limits.md lists them.

package check

import "time"

// Limits of what is asked. Who meets one gets the finding limit-met: not all was looked at.
const (
	// MaxServers is how many addresses of name servers are asked, and as many of the parent.
	MaxServers = 32
	// MaxNames is how many names of the operator are compared, with those of TLSA records.
	MaxNames = 64
	// MaxQueries is how many questions are sent in all, each with its repetitions and over TCP.
	MaxQueries = 8000
	// MaxTime is how long a check may take with everything, unless the caller wants less.
	MaxTime = 5 * time.Minute
	// MaxTries is how often a question is sent over UDP before a server counts as silent: one
	// packet that is lost is not the zone's fault, nor are two. MaxTCPTries is the same over TCP.
	MaxTries    = 3
	MaxTCPTries = 2
	// MaxServices is how many addresses of a service are asked for their certificate.
	MaxServices = 8
	// maxListed is how many servers, questions or names a line of text lists.
	maxListed = 6
)
