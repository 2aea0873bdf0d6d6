// What was observed: the input of the judgement.

package check

import (
	"net/netip"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Form is how a question is sent.
type Form uint8

// The forms.
const (
	Usual       Form = iota // UDP, EDNS with 1232 octets and DO; over TCP if truncated or silent
	OverTCP                 // as Usual, over TCP at once
	NoEDNS                  // UDP, without an OPT record
	Small                   // as Usual, with 512 octets, and not over TCP
	Large                   // as Usual, with 4096 octets, and not over TCP
	Version1                // EDNS version 1
	Option                  // with an option that nobody knows
	Cookie                  // with a client cookie
	CookieAgain             // with the server cookie that the server has just given
)

// Sizes that the forms announce, in octets.
const (
	usualSize = 1232
	smallSize = 512
	largeSize = 4096
)

// Size returns the UDP payload size that a form announces; 0 without EDNS.
func (f Form) Size() uint16 {
	switch f {
	case NoEDNS:
		return 0
	case Small:
		return smallSize
	case Large:
		return largeSize
	}
	return usualSize
}

// Query is a question in a form.
type Query struct {
	wire.Question
	Form Form
}

// Fault is why there is no reply.
type Fault uint8

// The faults.
const (
	NoFault   Fault = iota
	Silent          // no reply to any try
	Refused         // the host answers that the port is closed, or resets the connection
	NoRoute         // this machine cannot reach the address family or the network
	Malformed       // the reply cannot be read
	NotAsked        // a limit was met, or the server is known to be silent
)

func (f Fault) String() string {
	return [...]string{"", "no reply", "the port is closed", "no route from here",
		"a malformed reply", "not asked"}[f]
}

// Reply is what came of a query.
type Reply struct {
	Fault     Fault
	Msg       *wire.Message // nil if there is a fault
	Octets    int           // of the message over UDP, or over TCP if that was asked
	Truncated bool          // the reply over UDP was; Msg is that over TCP, if there was one
	Lost      bool          // UDP was silent; Msg is the reply over TCP
	// Cookie is the client cookie that was sent.
	Cookie [8]byte
}

// Server is an address of a name server, and its replies.
type Server struct {
	Name    wire.Name // zero if only the address is known
	Addr    netip.AddrPort
	Replies map[Query]*Reply
}

// String returns the name and the address, with the port if it is an unusual one.
func (s *Server) String() string {
	at := s.Addr.Addr().String()
	if s.Addr.Port() != 53 {
		at = s.Addr.String()
	}
	if s.Name.IsZero() {
		return at
	}
	return s.Name.String() + " " + at
}

// reply returns the reply to a query; one that was not asked if there is none.
func (s *Server) reply(q wire.Question, f Form) *Reply {
	if r := s.Replies[Query{q, f}]; r != nil {
		return r
	}
	return &Reply{Fault: NotAsked}
}

// Parent is what the zone above says.
type Parent struct {
	Zone    wire.Name
	Servers []*Server // with replies to NS and DS of the zone
	// Status and Failure are the verdict of a validating resolver on the DS of the zone; Unchecked
	// if it was not asked.
	Status  wire.Security
	Failure *cause.Failure
}

// Service is an address of a service with TLS, and what it presented.
type Service struct {
	Addr  netip.AddrPort
	Chain [][]byte // certificates in DER, the service's own first
	PKIX  string   // why a public authority does not vouch for the name; "" if one does
	Err   string   // why there is no certificate
}

// TLSA is a name with TLSA records, and the service behind it.
type TLSA struct {
	Name     wire.Name // _443._tcp.www.example.
	Host     wire.Name // www.example.
	Port     uint16
	Services []Service
}

// Observations are all that Judge looks at.
type Observations struct {
	Zone     wire.Name
	Now      time.Time
	LeadTime time.Duration // that a signature has to last; 0: see leadTime
	// Given reports whether the operator named the servers, which may not be the delegated ones.
	Given   bool
	Servers []*Server
	// Unresolved are names of name servers without an address, with the reason.
	Unresolved map[wire.Name]string
	Parent     *Parent     // nil: not asked
	Proposed   *wire.RRset // the DS set that the operator wants to publish, nil: none
	Random     wire.Name   // a name that does not exist, unless by a wildcard
	Compare    []wire.Question
	TLSA       []TLSA
	Limits     []string // limits that were met
}
