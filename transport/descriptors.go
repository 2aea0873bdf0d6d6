// How many file descriptors a configuration may need.

package transport

// Demand is how many descriptors may be in use at once, by what for.
type Demand struct {
	Listeners int // sockets of listeners
	Clients   int // connections, with those that begin and end
	Upstream  int // sockets of questions to servers, and connections that are kept
	Files     int // logs, state, control
}

// DemandOf returns the demand of listeners with a number of sockets, for so many questions to
// servers at once. One that is met never has anybody wait or fail for want of a descriptor.
func DemandOf(c GateConfig, listeners, questions int) Demand {
	return Demand{Listeners: listeners, Clients: c.Max + maxNameless + maxLingering,
		Upstream: questions + maxUpstreams, Files: ownFiles}
}

// Total returns all of it.
func (d Demand) Total() int { return d.Clients + d.reserve() }

// reserve returns what no client may take.
func (d Demand) reserve() int { return d.Listeners + d.Upstream + d.Files }

// Least returns how many descriptors a server needs to be of any use.
func (d Demand) Least() int { return d.Listeners + d.Files + leastDescriptors }
