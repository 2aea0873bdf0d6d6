// Package trustanchor has the points where trust starts: the built-in IANA anchors of the root,
// anchors from the configuration or a file, and exceptions from validation. A [Set] is filled while
// a configuration is read, and is not changed once a resolver uses it.
package trustanchor

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/pattern"
	"bailiwick/wire"
)

// iana are the root zone's anchors (https://www.iana.org/dnssec/files): KSK-2017 and KSK-2024.
var iana = []string{
	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
	". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
}

// digestLengths are the lengths of the digest types (RFC 4034, RFC 4509, RFC 5933, RFC 6605), in
// octets. A DS with another length matches no key: see [ErrNeverMatches].
var digestLengths = map[uint8]int{1: 20, 2: 32, 3: 32, 4: 48}

// keyLengths are the key lengths of algorithms with only one (RFC 6605, RFC 8080), in octets.
var keyLengths = map[uint8]int{13: 64, 14: 96, 15: 32, 16: 57}

// ErrNeverMatches is the error of an anchor that no key can match, as its digest does not have the
// length of its type (RFC 4034, section 5.1.4). It is in the Set all the same: without another
// anchor its zone is bogus, not insecure.
var ErrNeverMatches = errors.New("it can match no key")

// Config is what the operator decides about trust.
type Config struct {
	Validate bool     // false: nothing is trusted, and nothing validated
	Builtin  bool     // trust the root's keys as IANA publishes them
	Records  []string // DS or DNSKEY, in presentation form
	File     string   // file of such records, "" for none
	// Insecure are negative trust anchors, Zones other exceptions.
	Insecure []NegativeAnchor
	Zones    []ZoneMode
	Follow   bool // follow the keys of zones with anchors (RFC 5011)
	Signal   bool // tell these zones which of their keys are trusted (RFC 8145)
	// Fetch is how often the root's anchors are downloaded (RFC 9718), 0 for never; from URL, and
	// signed under the certificates in the file CA, "" for ICANN's.
	Fetch   time.Duration
	URL, CA string
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{Validate: true, Builtin: true, Follow: true, Signal: true, URL: publishedAt}
}

// Set has the anchors of all zones. The zero value trusts nothing.
type Set struct {
	anchors  map[wire.Name][]wire.DS
	negative map[wire.Name]time.Time // when they end; see NegativeAnchor
	modes    map[wire.Name]Exception
}

// Builtin returns the root's anchors as IANA publishes them.
func Builtin() *Set {
	s := &Set{}
	for _, r := range iana {
		if err := s.Add(r); err != nil {
			panic("trustanchor: " + err.Error())
		}
	}
	return s
}

// Add adds an anchor in presentation form, a DS or a DNSKEY record. A zone may have several.
func (s *Set) Add(record string) error {
	rr, err := dns.NewRR(record)
	if err != nil {
		return fmt.Errorf("trust anchor %q: %w; want a DS or DNSKEY record such as %q", record, err,
			iana[0])
	}
	if rr == nil {
		return fmt.Errorf("trust anchor %q: no record in it; want one such as %q", record, iana[0])
	}
	return s.add(rr)
}

// AddFile adds all DS and DNSKEY records of a file in zone-file form (RFC 1035, section 5).
func (s *Set) AddFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("trust anchor file: %w", err)
	}
	defer f.Close()
	return s.AddZoneFile(f, path)
}

// AddZoneFile adds all records that it reads from r; the name is used in errors. Those that Unbound
// has written with a state in which it does not trust them are left out: what it follows (RFC 5011)
// has new and revoked keys too, each with its state in a comment.
func (s *Set) AddZoneFile(r io.Reader, name string) error {
	p := dns.NewZoneParser(r, ".", name)
	n := 0
	var errs []error
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		n++
		if untrusted.In(p.Comment()) {
			continue
		}
		if err := s.add(rr); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := p.Err(); err != nil {
		errs = append(errs, fmt.Errorf("trust anchor file: %w", err))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if n == 0 {
		return fmt.Errorf("trust anchor file %s holds no record", name)
	}
	return nil
}

// untrusted matches the comment of a key that Unbound does not trust: START, ADDPEND, REVOKED and
// REMOVED.
var untrusted = pattern.New(`;state=[0145]\b`)

func (s *Set) add(rr dns.RR) error {
	zone, err := wire.ParseName(rr.Header().Name)
	if err != nil {
		return fmt.Errorf("trust anchor for %q: %w", rr.Header().Name, err)
	}
	buf := make([]byte, dns.Len(rr)+1)
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return fmt.Errorf("trust anchor for %s: %w", zone, err)
	}
	rdata := buf[end-int(rr.Header().Rdlength) : end]
	var ds wire.DS
	var never error
	switch k := rr.(type) {
	case *dns.DS:
		if ds, err = wire.ParseDS(rdata); err != nil {
			return fmt.Errorf("trust anchor for %s: %w", zone, err)
		}
		if want, known := digestLengths[ds.Digest]; known && len(ds.Hash) != want {
			never = fmt.Errorf("trust anchor for %s: DS %d: %w: a digest of type %d has %d "+
				"octets, this one %d", zone, ds.KeyTag, ErrNeverMatches, ds.Digest, want,
				len(ds.Hash))
		}
	case *dns.DNSKEY:
		if k.Flags&dns.ZONE == 0 || k.Protocol != 3 {
			return fmt.Errorf("trust anchor for %s: DNSKEY %d is not a zone key (flags %d, "+
				"protocol %d)", zone, k.KeyTag(), k.Flags, k.Protocol)
		}
		if k.Flags&dns.REVOKE != 0 {
			return fmt.Errorf("trust anchor for %s: DNSKEY %d is revoked (RFC 5011, section 2.1)",
				zone,
				k.KeyTag())
		}
		if want, known := keyLengths[k.Algorithm]; known && len(rdata)-4 != want {
			return fmt.Errorf("trust anchor for %s: DNSKEY %d: a key of algorithm %d has %d "+
				"octets, this "+
				"one %d",
				zone, k.KeyTag(), k.Algorithm, want, len(rdata)-4)
		}
		// A key is used as its own DS (RFC 4035, section 4.4 leaves the form open).
		h := sha256.Sum256(append([]byte(zone.Wire()), rdata...))
		ds = wire.DS{KeyTag: wire.KeyTag(rdata), Algorithm: k.Algorithm, Digest: 2, Hash: h[:]}
	default:
		return fmt.Errorf("trust anchor for %s: type %s is neither DS nor DNSKEY", zone,
			dns.TypeToString[rr.Header().Rrtype])
	}
	if s.anchors == nil {
		s.anchors = map[wire.Name][]wire.DS{}
	}
	s.anchors[zone] = append(s.anchors[zone], ds)
	return never
}

// At returns the anchors of a zone as a DS set, the form that the validator uses.
func (s *Set) At(zone wire.Name) (*wire.RRset, bool) {
	all := s.anchors[zone]
	if len(all) == 0 {
		return nil, false
	}
	set := &wire.RRset{Name: zone, Type: wire.TypeDS, Class: wire.ClassIN}
	for _, d := range all {
		rd := append([]byte{byte(d.KeyTag >> 8), byte(d.KeyTag), d.Algorithm, d.Digest}, d.Hash...)
		set.Data = set.Data.Append(rd)
	}
	return set, true
}

// Union returns a set with the anchors of s and those of another one; the exceptions are those of
// s.
func (s *Set) Union(o *Set) *Set {
	more := map[wire.Name][]wire.DS{}
	for zone, ds := range o.anchors {
		all := slices.Clone(s.anchors[zone])
		for _, d := range ds {
			if !contains(all, d) {
				all = append(all, d)
			}
		}
		more[zone] = all
	}
	return s.with(more)
}

// with returns a copy with other anchors of some zones, which have none if the list is empty.
func (s *Set) with(anchors map[wire.Name][]wire.DS) *Set {
	c := *s
	c.anchors = map[wire.Name][]wire.DS{}
	maps.Copy(c.anchors, s.anchors)
	for zone, ds := range anchors {
		delete(c.anchors, zone)
		if len(ds) > 0 {
			c.anchors[zone] = ds
		}
	}
	return &c
}

// Closest returns the deepest zone with an anchor at or above a name; false if there is none.
func (s *Set) Closest(name wire.Name) (wire.Name, bool) {
	for n := name; ; n = n.Parent() {
		if len(s.anchors[n]) > 0 {
			return n, true
		}
		if n.IsRoot() {
			return wire.Name{}, false
		}
	}
}

// Zones returns the zones that have an anchor.
func (s *Set) Zones() (zones []wire.Name) {
	for z := range s.anchors {
		zones = append(zones, z)
	}
	return zones
}

// Changed returns the names at which two sets differ, in trust anchors or exceptions.
func Changed(a, b *Set) (names []wire.Name) {
	all := map[wire.Name]bool{}
	for _, s := range []*Set{a, b} {
		for n := range s.anchors {
			all[n] = true
		}
		for n := range s.negative {
			all[n] = true
		}
		for n := range s.modes {
			all[n] = true
		}
	}
	for n := range all {
		_, was := a.negative[n]
		_, is := b.negative[n]
		if was != is || a.modes[n] != b.modes[n] ||
			!reflect.DeepEqual(a.anchors[n], b.anchors[n]) {
			names = append(names, n)
		}
	}
	return names
}
