// What a question was answered with.

package bailiwick

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"bailiwick/resolver"
	"bailiwick/wire"
)

// Answer is what the DNS has to say to a question. It is the caller's.
type Answer struct {
	// Name is that of the question in lower case, with the final dot.
	Name string
	Type Type
	// RCode is RCodeNoError, RCodeNXDomain, or RCodeYXDomain for an alias that would be too long.
	RCode  RCode
	Status Status
	// Records are the aliases that the name leads through, in their order, and then what was asked
	// for; none but aliases if there is no such record. Authority has the SOA record of a zone that
	// has no such name or record. With Question.DNSSEC signatures and proofs are among them.
	Records, Authority []Record
	// Why is the reason why it is not Secure, or stale, or without data, if there is a reason to
	// tell: mostly there is none, as most zones are not signed.
	Why *Failure
	// Stale reports whether some of it is past its time, and fresh data cannot be had (RFC 8767).
	Stale bool
	// Compact reports whether RCodeNXDomain is proven by a compact denial, so that who validates by
	// the proof expects RCodeNoError (RFC 9824).
	Compact bool
	// Sent is how many packets it took; 0 if all was known.
	Sent int
}

// Addrs returns the addresses among the records, those of A and AAAA.
func (a *Answer) Addrs() (addrs []netip.Addr) {
	for _, r := range a.Records {
		if r.Type == TypeA || r.Type == TypeAAAA {
			if addr, ok := netip.AddrFromSlice(r.Data); ok {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs
}

// Record is a resource record.
type Record struct {
	Name string // with the final dot
	Type Type
	TTL  uint32 // seconds from now
	// Data is the RDATA on the wire, with names uncompressed.
	Data []byte
}

// String returns the record in presentation form (RFC 1035, section 5.1; RFC 3597).
func (r Record) String() string {
	h := dns.RR_Header{Name: r.Name, Rrtype: uint16(r.Type), Class: dns.ClassINET, Ttl: r.TTL,
		Rdlength: uint16(len(r.Data))}
	rr, _, err := dns.UnpackRRWithHeader(h, r.Data, 0)
	if err != nil {
		rr = &dns.RFC3597{Hdr: h, Rdata: fmt.Sprintf("%x", r.Data)}
	}
	return rr.String()
}

// Text returns the record's data in presentation form.
func (r Record) Text() string {
	fields := strings.SplitN(r.String(), "\t", 5)
	return fields[len(fields)-1]
}

// Status is the result of validation (RFC 4035, section 4.3).
type Status uint8

// The statuses. Bogus is that of a [Failure] alone: bogus data are not returned.
const (
	Indeterminate Status = iota // it was not validated, or no trust anchor is above it
	Bogus                       // it should verify and does not
	Insecure                    // it is proven that it is not signed, or an exception says so
	Secure                      // it was verified from a trust anchor
)

// statuses are those of data as the resolver has them.
var statuses = map[wire.Security]Status{wire.Bogus: Bogus, wire.Insecure: Insecure,
	wire.Secure: Secure}

// String returns the status in lower case, as metrics have it.
func (s Status) String() string {
	if names := [...]string{"indeterminate", "bogus", "insecure", "secure"}; int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// Type is the type of a record.
type Type uint16

// Types of records that programs ask for. Any other type may be asked for by its number or
// [ParseType].
const (
	TypeA      = Type(wire.TypeA)
	TypeNS     = Type(wire.TypeNS)
	TypeCNAME  = Type(wire.TypeCNAME)
	TypeSOA    = Type(wire.TypeSOA)
	TypePTR    = Type(wire.TypePTR)
	TypeMX     = Type(wire.TypeMX)
	TypeTXT    = Type(wire.TypeTXT)
	TypeAAAA   = Type(wire.TypeAAAA)
	TypeSRV    = Type(wire.TypeSRV)
	TypeDS     = Type(wire.TypeDS)
	TypeDNSKEY = Type(wire.TypeDNSKEY)
	TypeSVCB   = Type(wire.TypeSVCB)
	TypeHTTPS  = Type(wire.TypeHTTPS)
	TypeSSHFP  = Type(dns.TypeSSHFP)
	TypeTLSA   = Type(dns.TypeTLSA)
	TypeCAA    = Type(dns.TypeCAA)
)

// ParseType returns the type of a name such as AAAA or TYPE28 (RFC 3597), in any letter case.
func ParseType(name string) (Type, error) {
	t, ok := wire.ParseType(name)
	if !ok {
		return 0, fmt.Errorf("%q is not a type such as AAAA, MX or TYPE65", name)
	}
	return Type(t), nil
}

// String returns the type's name.
func (t Type) String() string { return wire.Type(t).String() }

// RCode is the response code of an answer.
type RCode uint16

// The response codes of answers.
const (
	RCodeNoError  = RCode(wire.RCodeNoError)
	RCodeNXDomain = RCode(wire.RCodeNXDomain)
	RCodeYXDomain = RCode(wire.RCodeYXDomain)
)

// String returns the code's name.
func (r RCode) String() string { return wire.RCode(r).String() }

// newAnswer returns an answer of the resolver in memory that is the caller's.
func newAnswer(a *resolver.Answer, dnssec bool) *Answer {
	out := &Answer{Name: a.Question.Name.String(), Type: Type(a.Question.Type),
		RCode: RCode(a.RCode), Status: statuses[a.Status], Stale: a.Stale != resolver.StaleNone,
		Compact: a.Compact, Sent: a.Sent, Records: records(a.Sets, dnssec)}
	if a.Failure != nil {
		out.Why = newFailure(a.Failure, nil)
	}
	var authority []*wire.RRset
	for _, s := range a.Authority {
		if dnssec || s.Type == wire.TypeSOA {
			authority = append(authority, s)
		}
	}
	out.Authority = records(authority, dnssec)
	return out
}

// records returns copies of sets as records, each set with its signatures if they are wanted.
func records(sets []*wire.RRset, signatures bool) (out []Record) {
	for _, s := range sets {
		name := s.Name.String()
		add := func(t wire.Type, data wire.RDataList) {
			for d := range data.All() {
				out = append(out, Record{Name: name, Type: Type(t), TTL: s.TTL,
					Data: append([]byte(nil), d...)})
			}
		}
		add(s.Type, s.Data)
		if signatures {
			add(wire.TypeRRSIG, s.Sigs)
		}
	}
	return out
}
