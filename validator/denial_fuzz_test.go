// Random zones, and their own denial records offered as proof of what they do not prove.

package validator

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/transport"
	"bailiwick/wire"
)

// forgery is a zone z. with its children, and everything that their servers can be made to sign.
type forgery struct {
	world    *lab.World
	denial   lab.Denial
	validate *Validator
	chain    zones

	data   map[string][]wire.Type // of z. and its signed children, without delegations
	cuts   map[string]bool        // delegated from z.; whether they are signed
	proofs []*wire.RRset          // NSEC, NSEC3 and SOA
	sets   []*wire.RRset          // positive data
}

// forgeryNow is when the signatures of all forgeries are valid.
var forgeryNow = time.Unix(1_700_000_000, 0)

// forgeryLabels make the names of a zone and of questions. A name has up to three of them.
var forgeryLabels = []string{"a", "b", "c", "*"}

// forgeryName makes a name below z. from the bits of an octet: a count of labels, and the labels.
func forgeryName(b byte) string {
	name := "z."
	for n := b & 3; n > 0; n-- {
		b >>= 2
		name = forgeryLabels[b&3] + "." + name
	}
	return name
}

// forgeryNames are all of them.
func forgeryNames() (names []string) {
	for b := range 256 {
		if n := forgeryName(byte(b)); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// forgeryTypes are the types of records and questions.
var forgeryTypes = []wire.Type{wire.TypeA, wire.TypeTXT, wire.TypeCNAME, wire.TypeDNAME,
	wire.TypeDS, wire.TypeNS, wire.TypeSOA, wire.TypeMX}

// newForgery makes zones with up to twelve owners at random. Each kind of denial has its turn.
func newForgery(t testing.TB, seed byte) *forgery {
	f := &forgery{world: lab.New(forgeryNow), denial: lab.Denial(seed % 4),
		validate: New(Default()), chain: zones{}, data: map[string][]wire.Type{},
		cuts: map[string]bool{}}
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	var own []string
	var children []lab.Zone
	for n := range 1 + random.IntN(12) {
		name, what := forgeryName(byte(random.Uint32())), random.IntN(8)
		if f.data[name] != nil || f.occluded(name) || name == "z." {
			continue
		}
		if _, is := f.cuts[name]; is {
			continue
		}
		switch what {
		case 0, 1:
			if strings.Contains(name, "*") || f.above(name) { // RFC 4592, section 4.2
				continue
			}
			child := lab.Zone{Name: name, On: "z.", Denial: f.denial, Records: "a A 192.0.2.7"}
			if f.cuts[name] = what == 0; what == 1 {
				child.Algorithm = lab.Unsigned
			}
			children = append(children, child)
		case 2:
			own = append(own, fmt.Sprintf("%s CNAME target.%d.", name, n))
			f.data[name] = []wire.Type{wire.TypeCNAME}
		case 3:
			if strings.Contains(name, "*") || f.above(name) {
				continue
			}
			own = append(own, fmt.Sprintf("%s DNAME target.%d.", name, n))
			f.data[name] = []wire.Type{wire.TypeDNAME}
		case 4:
			own = append(own, fmt.Sprintf("%s TXT %d", name, n))
			f.data[name] = []wire.Type{wire.TypeTXT}
		default:
			own = append(own, fmt.Sprintf("%s A 192.0.2.%d", name, n),
				fmt.Sprintf("%s TXT %d", name, n))
			f.data[name] = []wire.Type{wire.TypeA, wire.TypeTXT}
		}
	}
	f.world.Add(lab.Zone{Name: "z.", Denial: f.denial, Records: strings.Join(own, ";;")})
	for _, c := range children {
		f.world.Add(c)
		if f.cuts[c.Name] {
			f.data["a."+c.Name] = []wire.Type{wire.TypeA}
			f.data[c.Name] = []wire.Type{wire.TypeNS, wire.TypeSOA}
		}
	}
	f.data["z."] = []wire.Type{wire.TypeNS, wire.TypeSOA}
	f.data["ns1.z."] = []wire.Type{wire.TypeA}
	f.harvest(t)
	return f
}

// occluded reports whether a name is below a delegation or a DNAME.
func (f *forgery) occluded(name string) bool {
	for n := name; n != "z."; n = parentOf(n) {
		if _, cut := f.cuts[n]; n != name && (cut || slices.Contains(f.data[n], wire.TypeDNAME)) {
			return true
		}
	}
	return false
}

// above reports whether a name has others below it.
func (f *forgery) above(name string) bool {
	for n := range f.data {
		if n != name && dns.IsSubDomain(name, n) {
			return true
		}
	}
	for n := range f.cuts {
		if n != name && dns.IsSubDomain(name, n) {
			return true
		}
	}
	return false
}

// inChain reports whether a name has a record of its own under opt-out: it, or a name below it, has
// data or a signed delegation (RFC 5155, section 7.1).
func (f *forgery) inChain(name string) bool {
	for d := range f.data {
		if dns.IsSubDomain(name, d) {
			return true
		}
	}
	for cut, signed := range f.cuts {
		if signed && dns.IsSubDomain(name, cut) {
			return true
		}
	}
	return false
}

// hidden reports whether a name, or one above it, exists and has no record of its own: it leads to
// unsigned delegations only. A proof is then from further up, where a wildcard may be. So a name
// error below cannot be proven (RFC 5155, section 8.4), and Unbound too fails with it; and the
// wildcard's data can be given for the name, though not as secure.
func (f *forgery) hidden(name string) bool {
	for n := name; f.denial == lab.NSEC3OptOut && n != "z." && n != "."; n = parentOf(n) {
		if f.above(n) && !f.inChain(n) {
			return true
		}
	}
	return false
}

func parentOf(name string) string {
	if n := name[strings.IndexByte(name, '.')+1:]; n != "" {
		return n
	}
	return "."
}

// ask returns what the servers of z. say, or those of the root for its own name.
func (f *forgery) ask(t testing.TB, name string, qtype wire.Type) *wire.Message {
	server := "z."
	if name == "." {
		server = name
	}
	q, err := new(dns.Msg).SetQuestion(name, uint16(qtype)).SetEdns0(4096, true).Pack()
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.world.Exchange(context.Background(), transport.Request{Query: q,
		Server: netip.AddrPortFrom(f.world.AddressOf(server), 53), Via: transport.TCP,
		Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// harvest asks for everything and keeps each set that is signed, and the zones' keys.
func (f *forgery) harvest(t testing.TB) {
	known := map[string]bool{}
	keep := func(to *[]*wire.RRset, s *wire.RRset) {
		id := fmt.Sprint(s.Name, s.Type, s.Data, s.Sigs)
		if s.Sigs.Len() > 0 && !known[id] {
			known[id] = true
			*to = append(*to, s)
		}
	}
	for _, name := range forgeryNames() {
		for _, qtype := range []wire.Type{wire.TypeA, wire.TypeTXT, wire.TypeDS} {
			m := f.ask(t, name, qtype)
			for _, s := range m.Answer {
				keep(&f.sets, s)
			}
			for _, s := range m.Authority {
				if s.Type == wire.TypeNSEC || s.Type == wire.TypeNSEC3 || s.Type == wire.TypeSOA {
					keep(&f.proofs, s)
				}
			}
		}
	}
	trust := func(zone string) {
		name := wire.MustParseName(zone)
		key := wire.FindType(f.ask(t, zone, wire.TypeDNSKEY).Answer, wire.TypeDNSKEY)
		f.chain[name.String()] = Trust{Zone: name, Status: wire.Secure, Keys: NewKeySet(key)}
	}
	trust(".")
	trust("z.")
	for cut, signed := range f.cuts {
		if name := wire.MustParseName(cut); signed {
			trust(cut)
		} else {
			f.chain[name.String()] = Trust{Zone: name, Status: wire.Insecure}
		}
	}
}

// truth is what the zones say of a question.
type truth struct {
	kind     wire.Kind
	owner    string // of the data, if it is an answer or an alias: the name or its wildcard
	zone     string // that says it
	unsigned bool   // it is of an unsigned zone, or denies the DS of one
}

// truth finds it as RFC 1034, section 4.3.2 does, and from the zones' data alone.
func (f *forgery) truth(name string, qtype wire.Type) truth {
	if name == "z." && qtype == wire.TypeDS {
		return truth{kind: wire.KindAnswer, owner: name, zone: "."}
	}
	zone := "z."
	for n := name; n != "z."; n = parentOf(n) {
		signed, cut := f.cuts[n]
		switch {
		case !cut:
			continue
		case n == name && qtype == wire.TypeDS:
			if signed {
				return truth{kind: wire.KindAnswer, owner: name, zone: zone}
			}
			return truth{kind: wire.KindNoData, zone: zone, unsigned: true}
		case !signed:
			return truth{unsigned: true, zone: n}
		}
		zone = n
	}
	for n := name; n != zone; n = parentOf(n) {
		if n != name && slices.Contains(f.data[n], wire.TypeDNAME) {
			return truth{kind: wire.KindAlias, owner: n, zone: zone}
		}
	}
	if f.data[name] != nil || f.above(name) {
		return f.at(name, qtype, zone)
	}
	encloser := parentOf(name)
	for encloser != zone && f.data[encloser] == nil && !f.above(encloser) {
		encloser = parentOf(encloser)
	}
	if wildcard := "*." + encloser; f.data[wildcard] != nil || f.above(wildcard) {
		return f.at(wildcard, qtype, zone)
	}
	return truth{kind: wire.KindNXDomain, zone: zone}
}

func (f *forgery) at(owner string, qtype wire.Type, zone string) truth {
	switch types := f.data[owner]; {
	case slices.Contains(types, qtype):
		return truth{kind: wire.KindAnswer, owner: owner, zone: zone}
	case slices.Contains(types, wire.TypeCNAME):
		return truth{kind: wire.KindAlias, owner: owner, zone: zone}
	}
	return truth{kind: wire.KindNoData, owner: owner, zone: zone}
}

// allows returns what is wrong with a verdict on a denial; empty if nothing is.
func (f *forgery) allows(v Verdict, is truth, q wire.Question) string {
	// Under opt-out, what has no record of its own in the chain may be denied, a wildcard's name
	// too: there could be an unsigned delegation (RFC 5155, section 12.1.1). That is never secure.
	optOut := f.denial == lab.NSEC3OptOut && (is.kind.IsDenial() || !f.inChain(q.Name.String()) &&
		!slices.Contains(f.data[is.owner], wire.TypeDNAME))
	switch v.Status {
	case wire.Secure:
		right := v.Kind == is.kind ||
			// RFC 9824, section 3.1
			f.denial == lab.Compact && v.Kind == wire.KindNoData && is.kind == wire.KindNXDomain
		if !is.kind.IsDenial() || !right {
			return "secure denial"
		}
		if is.unsigned != v.UnsignedCut {
			return "an unsigned delegation where there is none, or none where there is one"
		}
	case wire.Insecure:
		if !is.unsigned && !optOut {
			return "insecure denial"
		}
		if q.Type == wire.TypeDS && is.kind == wire.KindAnswer {
			return "the DS of a signed delegation is denied"
		}
	}
	return ""
}

// FuzzDenial offers any of a zone's own denial records, and those of its children, as proof of
// what the zone does not say. Only what it says may be believed; and the server's own answer is.
func FuzzDenial(f *testing.F) {
	for seed := range byte(16) {
		for q := range byte(8) {
			f.Add(seed, []byte{q * 37, q, 1, 3, 5, 7})
			f.Add(seed, []byte{q * 91, q | 8, 2, q + 3, q + 6})
			f.Add(seed, []byte{q * 53, q | 16, 3, q + 4, q + 7})
		}
	}
	var made [256]*forgery // signatures are the costly part
	f.Fuzz(func(t *testing.T, seed byte, ask []byte) {
		if len(ask) < 3 {
			return
		}
		if made[seed] == nil {
			made[seed] = newForgery(t, seed)
		}
		zone := made[seed]
		name, qtype := forgeryName(ask[0]), forgeryTypes[ask[1]&7]
		q := wire.Question{Name: wire.MustParseName(name), Type: qtype, Class: wire.ClassIN}
		is := zone.truth(name, qtype)
		zone.honest(t, q, is)
		zone.forged(t, q, is, ask[1]>>3, ask[2:])
	})
}

// honest has the verdict on what the zone's servers themselves deny.
func (f *forgery) honest(t *testing.T, q wire.Question, is truth) {
	if !is.kind.IsDenial() || f.hidden(q.Name.String()) {
		return
	}
	m := f.ask(t, q.Name.String(), q.Type)
	if len(m.Answer) > 0 {
		t.Fatalf("%s is %+v, and the servers answer with data", q, is)
	}
	r := &Response{Question: q, Servers: wire.MustParseName("z."), Kind: wire.KindNoData,
		Authority: m.Authority}
	if m.RCode() == wire.RCodeNXDomain {
		r.Kind = wire.KindNXDomain
	}
	v := f.validate.Judge(r, f.chain, forgeryNow, NewBudget())
	if v.Status < wire.Insecure || v.Status == wire.Insecure && !is.unsigned &&
		f.denial != lab.NSEC3OptOut || f.allows(v, is, q) != "" {
		t.Fatalf("%s is %+v, and the servers' own denial is %s, %s: %v\n%v %v\n%s", q, is, v.Status,
			v.Kind, v.Failure, f.data, f.cuts, listed(r))
	}
}

// denied has the verdict on a denial.
func (f *forgery) denied(t *testing.T, r *Response, is truth) {
	v := f.validate.Judge(r, f.chain, forgeryNow, NewBudget())
	if wrong := f.allows(v, is, r.Question); wrong != "" {
		t.Fatalf("%s is %+v: %s (%s, %s)\n%v %v\n%s", r.Question, is, wrong, v.Status, v.Kind,
			f.data, f.cuts, listed(r))
	}
}

// TestDenialsByAnyTwoRecords is FuzzDenial with every pair of records, for some zones and
// questions.
func TestDenialsByAnyTwoRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	for seed := range byte(8) {
		f := newForgery(t, seed)
		for range 4 {
			q := wire.Question{Name: wire.MustParseName(forgeryName(byte(random.Uint32()))),
				Type: forgeryTypes[random.IntN(len(forgeryTypes))], Class: wire.ClassIN}
			is := f.truth(q.Name.String(), q.Type)
			f.honest(t, q, is)
			for i, a := range f.proofs {
				for _, b := range f.proofs[i:] {
					for _, kind := range []wire.Kind{wire.KindNoData, wire.KindNXDomain} {
						f.denied(t, &Response{Question: q, Servers: wire.MustParseName("z."),
							Kind: kind, Authority: []*wire.RRset{a, b}}, is)
					}
				}
			}
		}
	}
}

// forged has the verdict on a choice of records as a denial, or beside data of another name.
func (f *forgery) forged(t *testing.T, q wire.Question, is truth, how byte, choice []byte) {
	r := &Response{Question: q, Servers: wire.MustParseName("z."), Kind: wire.KindNoData}
	if how&1 != 0 {
		r.Kind = wire.KindNXDomain
	}
	for _, pick := range choice[:min(len(choice), 8)] {
		s := f.proofs[int(pick)%len(f.proofs)]
		if !slices.Contains(r.Authority, s) {
			r.Authority = append(r.Authority, s)
		}
	}
	if how&2 == 0 || len(f.sets) == 0 {
		f.denied(t, r, is)
		return
	}
	// A set of a wildcard, or of whatever else, in place of the name's own.
	set := *f.sets[int(choice[0])%len(f.sets)]
	origin := set.Name
	set.Name = q.Name
	r.Kind, r.Sets, r.Question.Type = wire.KindAnswer, []*wire.RRset{&set}, set.Type
	if set.Type == wire.TypeCNAME || set.Type == wire.TypeDNAME {
		r.Kind = wire.KindAlias
	}
	is = f.truth(q.Name.String(), set.Type)
	v := f.validate.Judge(r, f.chain, forgeryNow, NewBudget())
	if v.Status < wire.Insecure || v.Status == wire.Insecure &&
		(is.unsigned || f.hidden(q.Name.String())) {
		return
	}
	own := f.ask(t, q.Name.String(), set.Type)
	for _, s := range own.Answer {
		if s.Name == q.Name && s.Type == set.Type && bytes.Equal(s.Data, set.Data) {
			return
		}
	}
	t.Fatalf("%s is %+v: data of %s are %s\n%v %v\n%s", r.Question, is, origin, v.Status, f.data,
		f.cuts, listed(r))
}

// listed prints a response.
func listed(r *Response) string {
	var b strings.Builder
	for _, s := range append(slices.Clone(r.Sets), r.Authority...) {
		fmt.Fprintf(&b, "%s %s %x\n", s.Name, s.Type, s.Data)
	}
	return b.String()
}
