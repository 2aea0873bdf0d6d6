package netzones

import "time"

// Limits of what networks can announce. What is beyond them is left out, and counted.
const (
	// MaxNetworks is how many interfaces may have announced something: a laptop has two or three.
	MaxNetworks = 8
	// MaxServers is how many servers of a network are asked: DHCP names two or three.
	MaxServers = 4
	// MaxZones is how many zones of a network are looked at: large companies have a dozen.
	MaxZones = 32
	// MaxApproved is how many approvals are kept.
	MaxApproved = 256
	// MaxLease is how long an announcement holds at most: leases without an end have 2^32-1
	// seconds.
	MaxLease = 7 * 24 * time.Hour
	// maxText is the longest name of an interface or network, in octets: an SSID has 32.
	maxText = 64
)
