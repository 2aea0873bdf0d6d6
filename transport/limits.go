package transport

import "time"

// Limits of what peers and clients may take.
const (
	// MaxNearMisses is how many replies from the right address and port may fail to match, per question, before UDP is given
	// up (ATTACKS: Kaminsky; three guesses in 2^32 are harmless).
	MaxNearMisses = 3

	// EDNSSize is what we tell authorities to send over UDP (DNS flag day 2020: no fragments).
	EDNSSize = 1232

	// MaxTCPConnections is how many client connections are open at once, per listener; new ones displace the idlest.
	MaxTCPConnections = 1024
	// MaxTCPInFlight is how many queries of one connection are worked on at once (RFC 7766, section 6.2.1.1 lets clients pipeline).
	MaxTCPInFlight = 100
	// TCPIdle is how long a client connection may be silent (RFC 7766, section 6.2.3).
	TCPIdle = 10 * time.Second
	// TCPWrite is how long a client may take to accept an answer.
	TCPWrite = 5 * time.Second

	// udpBuffer is what is asked of the kernel for a listener's receive and send buffers, in octets per socket.
	udpBuffer = 4 << 20
)
