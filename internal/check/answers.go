// Whether the answers and denials of each server validate, and how long their signatures last.

package check

import (
	"fmt"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/validator"
	"bailiwick/wire"
)

// answers validates every reply of every server, by the code that validates in production.
func (j *judge) answers() {
	for _, s := range j.o.Servers {
		trust := j.trust[s]
		if trust.Status != wire.Secure {
			continue
		}
		for _, q := range asked(s) {
			r := s.Replies[q]
			if r.Msg == nil || q.Form != Usual || q.Type == wire.TypeDNSKEY {
				continue // DNSKEY is judged with the DS
			}
			j.validate(s, q.Question, r.Msg, trust)
		}
		j.everyAlgorithm(s)
	}
	for _, s := range j.o.Servers {
		for _, q := range asked(s) {
			if m := s.Replies[q].Msg; m != nil && q.Form == Usual {
				j.lead(s, m)
			}
		}
	}
	j.endings()
}

// validate judges one reply.
func (j *judge) validate(s *Server, q wire.Question, m *wire.Message, trust validator.Trust) {
	c := classify(q, m)
	if c.kind == wire.KindNone || c.kind == wire.KindReferral {
		return
	}
	v := j.v.Judge(&validator.Response{Question: q, Servers: j.o.Zone, Kind: c.kind,
		Sets: c.sets, Authority: m.Authority}, j.chain(s, trust), j.o.Now, validator.NewBudget())
	switch {
	case v.Status == wire.Bogus:
		var set *wire.RRset
		for _, one := range c.sets {
			if r := j.v.VerifySet(one, trust.Keys, j.at, validator.NewBudget()); r.Status !=
				wire.Secure && (set == nil || one.Sigs.Len() > 0) {
				set = one
			}
		}
		if set == nil {
			set = wire.FindType(m.Authority, wire.TypeSOA)
		}
		j.broken(s, q, set, v.Failure)
	case v.Failure != nil && v.Failure.Cause == cause.NSEC3Iterations:
		j.add("nsec3-iterations-refused", where{s, text(q)},
			"the denial has more iterations than are computed")
	}
}

// chain returns the chain of trust for the replies of a server.
func (j *judge) chain(s *Server, trust validator.Trust) *chain {
	return &chain{j.o.Zone, trust, func(n wire.Name) bool {
		for ; n.Below(j.o.Zone); n = n.Parent() {
			if z := zoneOf(s, n); !z.IsZero() && z.Below(j.o.Zone) {
				return true
			}
		}
		return false
	}}
}

// isMismatch reports whether a failure is that no key has the digest of a DS.
func isMismatch(f *cause.Failure) bool { return f.Cause == cause.DSMismatch }

// broken records that data do not validate. set are the data, if they are known.
func (j *judge) broken(s *Server, q wire.Question, set *wire.RRset, f *cause.Failure) {
	at := where{s, text(q)}
	if f == nil {
		f = cause.New(cause.SignatureInvalid, j.o.Zone, "")
	}
	switch f.Cause {
	case cause.DSMismatch:
		j.add("ds-mismatch", at, "DS: %s; DNSKEY: %s", setText(j.anchor()), setText(set))
	case cause.SignatureExpired:
		tag, when := last(set)
		j.add("signature-expired", at, "the last by key %d ended on %s", tag, moment(when))
	case cause.SignatureNotYetValid:
		j.add("signature-future", at, "%s", window(set))
	case cause.SignatureMissing:
		j.add("signature-missing", at, "there is no RRSIG")
	case cause.DenialMissing, cause.WildcardProofMissing:
		j.add("denial-missing", at, "%s", f.Cause.Text())
	case cause.DenialInvalid:
		j.add("denial-invalid", at, "%s", f.Cause.Text())
	default:
		j.add("signature-invalid", at, "%s (%s): %s", f.Cause.Text(), f.Cause.Label(), window(set))
	}
}

// signatures returns the RRSIGs of a set that can be read.
func signatures(set *wire.RRset) (sigs []wire.RRSIG) {
	if set == nil {
		return nil
	}
	for d := range set.Sigs.All() {
		if sig, err := wire.ParseRRSIG(d); err == nil {
			sigs = append(sigs, sig)
		}
	}
	return sigs
}

// last returns the key tag and the end of the signature that ends last.
func last(set *wire.RRset) (tag uint16, end uint32) {
	for i, sig := range signatures(set) {
		if i == 0 || int32(sig.Expiration-end) > 0 {
			tag, end = sig.KeyTag, sig.Expiration
		}
	}
	return tag, end
}

// window describes the signatures of a set.
func window(set *wire.RRset) string {
	var words []string
	for _, sig := range signatures(set) {
		words = append(words, fmt.Sprintf("key %d, %s to %s", sig.KeyTag, moment(sig.Inception),
			moment(sig.Expiration)))
	}
	if len(words) == 0 {
		return "no signature that can be read"
	}
	return list(words)
}

// moment returns a time of a signature, in UTC. It is that nearest to 2038 and this century, as
// serial arithmetic needs a reference (RFC 4034, section 3.1.5).
func moment(t uint32) string {
	return time.Unix(int64(t), 0).UTC().Format("2006-01-02 15:04:05 UTC")
}

// ending is a signature that ends soon.
type ending struct {
	server *Server
	set    *wire.RRset
	tag    uint16
	end    uint32
	left   time.Duration
}

// lead notes the sets of a reply whose signatures end soon.
func (j *judge) lead(s *Server, m *wire.Message) {
	for _, sets := range [][]*wire.RRset{m.Answer, m.Authority} {
		for _, set := range sets {
			best := ending{server: s, set: set}
			soon := false
			for i, sig := range signatures(set) {
				left := time.Duration(int32(sig.Expiration-uint32(j.at))) * time.Second
				if sig.Signer != j.o.Zone || i > 0 && left <= best.left {
					continue
				}
				best.tag, best.end, best.left = sig.KeyTag, sig.Expiration, left
				soon = left > 0 && left < j.leadTime(sig)
			}
			if soon {
				j.soon = append(j.soon, best)
			}
		}
	}
}

// The default lead time: a signature that ends within both is late. Signers that sign each answer
// anew give short validity periods, so that two days alone would blame them.
const (
	defaultLead  = 48 * time.Hour
	leadFraction = 4 // of the validity period
)

// leadTime returns how long a signature has to last.
func (j *judge) leadTime(sig wire.RRSIG) time.Duration {
	if j.o.LeadTime > 0 {
		return j.o.LeadTime
	}
	validity := time.Duration(sig.Expiration-sig.Inception) * time.Second
	return min(defaultLead, validity/leadFraction)
}

// endings records the signatures that end soon, as one finding: that which ends first, and where.
func (j *judge) endings() {
	if len(j.soon) == 0 {
		return
	}
	first := slices.MinFunc(j.soon, func(a, b ending) int { return int(a.left - b.left) })
	sets := map[string]bool{}
	for _, e := range j.soon {
		sets[e.set.Name.String()+" "+e.set.Type.String()] = true
	}
	message := fmt.Sprintf("%s %s, by key %d, ends on %s, in %s; sets of data that were seen to "+
		"end soon: %d", first.set.Name, first.set.Type, first.tag, moment(first.end),
		first.left.Round(time.Minute), len(sets))
	for _, e := range j.soon {
		j.add("signature-expires-soon", where{server: e.server}, "%s", message)
	}
}

// everyAlgorithm judges whether each algorithm of the DNSKEY set signs the SOA (RFC 6840, section
// 5.11). Validators are content with one; some operators are not.
func (j *judge) everyAlgorithm(s *Server) {
	keys, soa := answerOf(s, ask(j.o.Zone, wire.TypeDNSKEY)), answerOf(s, ask(j.o.Zone,
		wire.TypeSOA))
	if keys == nil || soa == nil || soa.Sigs.Len() == 0 {
		return
	}
	signing := map[uint8]bool{}
	for _, sig := range signatures(soa) {
		signing[sig.Algorithm] = true
	}
	seen := map[uint8]bool{}
	for d := range keys.Data.All() {
		k, err := wire.ParseDNSKEY(d)
		if err != nil || k.Flags&wire.KeyFlagZone == 0 || k.Flags&wire.KeyFlagRevoke != 0 ||
			signing[k.Algorithm] || seen[k.Algorithm] {
			continue
		}
		seen[k.Algorithm] = true
		j.add("algorithm-unsigned", where{s, text(ask(j.o.Zone, wire.TypeSOA))},
			"algorithm %d, of key %d, signs nothing", k.Algorithm, wire.KeyTag(d))
	}
}
