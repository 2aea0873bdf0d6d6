// Judging whole responses (RFC 4035, section 5).

package validator

import (
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// Response is a response to be judged. Judge does not change it.
type Response struct {
	Question wire.Question // of this step of an alias chain, not of the client
	Servers  wire.Name     // the zone whose servers answered
	Kind     wire.Kind     // an answer, an alias, or a denial
	// the answer: one set, a DNAME before its CNAME, or all sets of the name for ANY
	Sets      []*wire.RRset
	Authority []*wire.RRset // SOA, NSEC, NSEC3
}

// Verdict is the outcome of a judgement.
type Verdict struct {
	Status  wire.Security
	Failure *cause.Failure // why it is Bogus; or what clients get to know about an insecure answer
	Kind    wire.Kind      // of a denial: what the proofs show; the response's own if it needs none
	Need    Need           // what has to be known first; if set, everything else is empty

	// UnsignedCut reports, for a denied DS, that the name is an unsigned delegation, or may be one
	// under opt-out.
	UnsignedCut bool
	// Zone is the signer, if the status is Secure.
	Zone wire.Name
	// Sets are copies of the answer's sets, in their order, with the verdict's status; they share
	// the RDATA. A verified set has the TTL that its signature allows, and the time at which the
	// signature ends.
	Sets []*wire.RRset
	// Proofs are the verified denial records and the SOA: copies, each with its own status.
	Proofs []*wire.RRset
}

// judge is the state of one judgement.
type judge struct {
	v     *Validator
	r     *Response
	chain Chain
	at    Instant
	b     *Budget

	// verified authority sections, by zone: an answer to ANY needs them for each of its sets
	proofs map[wire.Name]*proofs
}

// proofs are the verified sets of an authority section.
type proofs struct {
	sets []*wire.RRset
	fail *cause.Failure
}

// Judge validates a response. It charges the budget; if the response is judged again with more
// known, signatures that it has seen are free.
func (v *Validator) Judge(r *Response, chain Chain, now time.Time, b *Budget) Verdict {
	j := &judge{v: v, r: r, chain: chain, at: InstantOf(now), b: b}
	if r.Kind.IsDenial() {
		return j.negative()
	}
	return j.answer()
}

// weaker joins the verdicts of two parts: the whole has the lower status.
func weaker(a, b Verdict) Verdict {
	if !a.Need.IsZero() || b.Need.IsZero() && a.Status <= b.Status {
		return a
	}
	return b
}

// answer judges each set; all of them have to be valid.
func (j *judge) answer() Verdict {
	out := Verdict{Status: wire.Secure}
	var dname *wire.RRset // as judged
	sets := make([]*wire.RRset, 0, len(j.r.Sets))
	for _, s := range j.r.Sets {
		var v Verdict
		if dname != nil && s.Type == wire.TypeCNAME && s.Sigs.Len() == 0 {
			v = j.synthesised(dname, s, out)
		} else {
			v = j.set(s)
		}
		if !v.Need.IsZero() {
			return v
		}
		if len(v.Sets) > 0 {
			s = v.Sets[0]
		} else {
			s = s.WithSecurity(v.Status)
		}
		if s.Type == wire.TypeDNAME {
			dname = s
		}
		sets = append(sets, s)
		for _, p := range v.Proofs {
			if !slices.Contains(out.Proofs, p) {
				out.Proofs = append(out.Proofs, p)
			}
		}
		proofs := out.Proofs
		out = weaker(out, v)
		out.Proofs = proofs
		if out.Zone.IsZero() {
			out.Zone = v.Zone
		}
	}
	for _, s := range sets {
		s.Security = out.Status
	}
	out.Sets = sets
	return out
}

// synthesised checks that an unsigned CNAME follows from the DNAME (RFC 6672, section 5.3.1). The
// verdict has the status of the DNAME.
func (j *judge) synthesised(dname, cname *wire.RRset, of Verdict) Verdict {
	to, ok := wire.TargetName(dname.Data.First())
	got, ok2 := wire.TargetName(cname.Data.First())
	if want, fits := cname.Name.ReplaceSuffix(dname.Name, to); !ok || !ok2 || !fits ||
		want != got || cname.Len() != 1 {
		return Verdict{Status: wire.Bogus, Failure: cause.New(cause.AliasMismatch, dname.Name, "%s",
			cname.Name)}
	}
	made := *cname
	made.TTL, made.Security = min(cname.TTL, dname.TTL), of.Status
	return Verdict{Status: of.Status, Failure: of.Failure, Zone: of.Zone,
		Sets: []*wire.RRset{&made}}
}

// signers returns the zones that the set's signatures name, without impossible ones: a signer
// encloses the owner, is not above the zone whose servers answered, and for DS is above the owner
// (RFC 4035, section 5.3.1).
func (j *judge) signers(s *wire.RRset) (names []wire.Name) {
	n := 0
	for d := range s.Sigs.All() {
		if n++; n > MaxSignaturesPerSet {
			break
		}
		sig, err := wire.ParseRRSIGOf(s.Name, d)
		if err != nil || !s.Name.Within(sig.Signer) || !sig.Signer.Within(j.r.Servers) {
			continue
		}
		if s.Type == wire.TypeDS && sig.Signer == s.Name && !s.Name.IsRoot() {
			continue
		}
		known := false
		for _, k := range names {
			known = known || k == sig.Signer
		}
		if !known {
			names = append(names, sig.Signer)
		}
	}
	return names
}

// trustFor returns the trust in the zone of a set. need is not zero if something has to be known
// first.
func (j *judge) trustFor(s *wire.RRset) (t Trust, need Need) {
	if t, is := j.excepted(s.Name, s.Type); is {
		return t, Need{}
	}
	return j.signerTrust(s)
}

// signerTrust is trustFor without regard to an exception for the set's owner. The NSEC set of a
// delegation is the parent's, though the child's name owns it.
func (j *judge) signerTrust(s *wire.RRset) (t Trust, need Need) {
	names := j.signers(s)
	for i, n := range names {
		if i == maxSigners {
			limit.Signers.Met()
			break
		}
		t, known := j.chain.Zone(n)
		if !known {
			return Trust{}, Need{Name: n}
		}
		if t.Zone == n || t.Status != wire.Secure {
			return t, Need{}
		}
		// The signer is not a zone: the signature is ignored.
	}
	return j.enclosing(s.Name, s.Type)
}

// excepted returns the trust that an exception gives to a name's data of a type, whoever has signed
// them.
func (j *judge) excepted(name wire.Name, t wire.Type) (Trust, bool) {
	return j.chain.Excepted(holder(name, t))
}

// holder returns the name whose zone has a name's data of a type: DS is in the zone above (RFC
// 4035, section 3.1.4.1).
func holder(name wire.Name, t wire.Type) wire.Name {
	if t == wire.TypeDS && !name.IsRoot() {
		return name.Parent()
	}
	return name
}

// enclosing returns the trust in the zone that has a name's data of a type.
func (j *judge) enclosing(name wire.Name, t wire.Type) (Trust, Need) {
	name = holder(name, t)
	trust, known := j.chain.Enclosing(name)
	if !known {
		return Trust{}, Need{Name: name, Enclosing: true}
	}
	return trust, Need{}
}

// set judges one set of an answer, and the proof for its wildcard. SIG is a set like others. RRSIGs
// are not signed (RFC 4035, section 2.2): a client that asks for them, to find a fault of a zone,
// gets what the servers sent, and not as Secure.
func (j *judge) set(s *wire.RRset) Verdict {
	if s.Type == wire.TypeRRSIG {
		return Verdict{Status: wire.Insecure}
	}
	t, need := j.trustFor(s)
	if !need.IsZero() {
		return Verdict{Need: need}
	}
	if t.Status != wire.Secure {
		return Verdict{Status: t.Status, Failure: t.Failure}
	}
	r := j.v.VerifySet(s, t.Keys, j.at, j.b)
	if r.Status != wire.Secure {
		return Verdict{Status: wire.Bogus, Failure: r.Failure}
	}
	verified := []*wire.RRset{r.Of(s)}
	switch {
	case r.Encloser.IsZero():
		return Verdict{Status: wire.Secure, Zone: t.Zone, Sets: verified}
	case s.Type == wire.TypeDNAME:
		// The meaning of a DNAME at a wildcard is not defined (RFC 4592, section 4.4): a DNAME
		// expanded from it would rename a tree of names that the signer did not write down. Unbound
		// rejects it too.
		f := cause.New(cause.SignatureLabels, t.Zone, "%s/%s", s.Name, s.Type)
		return Verdict{Status: wire.Bogus, Failure: f}
	}
	v := j.expansion(s, t, r.Encloser)
	v.Sets = verified
	return v
}

// expansion judges the proof of a set that was expanded from a wildcard.
func (j *judge) expansion(s *wire.RRset, t Trust, encloser wire.Name) Verdict {
	sets, fail := j.verified(t)
	d := j.v.newDenial(t.Zone, sets, j.v.cfg.MaxIterations, j.b)
	out := Verdict{Status: wire.Secure, Zone: t.Zone, Proofs: sets}
	switch p := d.proveExpansion(s.Name, encloser); p {
	case proofNXDomain:
	case proofNameOptOut:
		out.Status = wire.Insecure // RFC 5155, section 9.2
	default:
		return j.unproven(d, p, t, sets, fail, cause.New(cause.WildcardProofMissing, t.Zone,
			"%s/%s", s.Name, s.Type))
	}
	return out
}

// verified returns the denial records and SOA of the authority section that verify with the zone's
// keys, and the failure of one that does not.
func (j *judge) verified(t Trust) (sets []*wire.RRset, fail *cause.Failure) {
	if p := j.proofs[t.Zone]; p != nil {
		return p.sets, p.fail
	}
	for _, s := range j.r.Authority {
		if s.Type != wire.TypeNSEC && s.Type != wire.TypeNSEC3 && s.Type != wire.TypeSOA ||
			!s.Name.Within(t.Zone) {
			continue
		}
		r := j.v.VerifySet(s, t.Keys, j.at, j.b)
		// a wildcard's NSEC is at the wildcard itself
		if r.Status != wire.Secure || !r.Encloser.IsZero() {
			if r.Failure == nil {
				r.Failure = cause.New(cause.DenialInvalid, t.Zone, "%s/%s", s.Name, s.Type)
			}
			if fail == nil || r.Failure.Cause.Rank() > fail.Cause.Rank() {
				fail = r.Failure
			}
			continue
		}
		sets = append(sets, r.Of(s))
	}
	if j.proofs == nil {
		j.proofs = map[wire.Name]*proofs{}
	}
	j.proofs[t.Zone] = &proofs{sets, fail}
	return sets, fail
}

// unproven returns the verdict for a proof that failed.
func (j *judge) unproven(d *denial, p proof, t Trust, sets []*wire.RRset, fail,
	missing *cause.Failure) Verdict {
	switch {
	case p == proofIterations:
		return Verdict{Status: wire.Insecure,
			Failure: cause.New(cause.NSEC3Iterations, t.Zone, "%d iterations", d.high),
			Kind:    j.r.Kind, UnsignedCut: true, Proofs: sets}
	case p == proofOverBudget:
		return Verdict{Status: wire.Bogus, Failure: cause.New(cause.LimitNSEC3, t.Zone, "")}
	case fail != nil:
		return Verdict{Status: wire.Bogus, Failure: fail}
	}
	return Verdict{Status: wire.Bogus, Failure: missing}
}

// negative judges a response that denies the name or the type.
func (j *judge) negative() Verdict {
	t, need := j.denier()
	if !need.IsZero() {
		return Verdict{Need: need}
	}
	if t.Status != wire.Secure {
		return Verdict{Status: t.Status, Failure: t.Failure, Kind: j.r.Kind, UnsignedCut: true}
	}
	if !j.r.Question.Name.Within(t.Zone) {
		return Verdict{Status: wire.Bogus, Failure: cause.New(cause.SignerMismatch, t.Zone, "%s",
			j.r.Question.Name)}
	}
	sets, fail := j.verified(t)
	if fail != nil && wire.FindType(sets, wire.TypeSOA) == nil &&
		wire.FindType(j.r.Authority, wire.TypeSOA) != nil {
		return Verdict{Status: wire.Bogus, Failure: fail} // the SOA itself does not verify
	}
	d := j.v.newDenial(t.Zone, sets, j.v.cfg.MaxIterations, j.b)
	return j.denied(d, t, sets, fail)
}

// denied returns the verdict for what the proofs show.
func (j *judge) denied(d *denial, t Trust, sets []*wire.RRset, fail *cause.Failure) Verdict {
	q := j.r.Question
	out := Verdict{Status: wire.Secure, Zone: t.Zone, Proofs: sets, Kind: wire.KindNoData}
	p := d.prove(q.Name, q.Type)
	switch p {
	case proofNXDomain:
		out.Kind = wire.KindNXDomain
	case proofNameOptOut:
		out.Kind, out.Status, out.UnsignedCut = wire.KindNXDomain, wire.Insecure, true
	case proofNoData, proofEmpty:
	case proofUnsignedCut:
		out.UnsignedCut = true
	case proofOptOut:
		out.Status, out.UnsignedCut = wire.Insecure, true
	default:
		missing := cause.New(cause.DenialMissing, t.Zone, "%s/%s", q.Name, q.Type)
		if !d.empty() {
			missing.Cause = cause.DenialInvalid
		}
		if j.r.Question.Type != wire.TypeDS && d.belowUnsignedCut(q.Name) {
			out.Status, out.Kind = wire.Insecure, j.r.Kind
			return out
		}
		if d.empty() && j.r.Question.Type != wire.TypeDS {
			// The zone's servers may answer for an unsigned child that they serve too, with the
			// zone's own SOA.
			if e, need := j.enclosing(q.Name, q.Type); !need.IsZero() {
				return Verdict{Need: need}
			} else if e.Status == wire.Insecure {
				return Verdict{Status: e.Status, Failure: e.Failure, Kind: j.r.Kind}
			}
		}
		return j.unproven(d, p, t, sets, fail, missing)
	}
	switch {
	case out.Kind == wire.KindNXDomain && d.compact(q.Name):
		// Whatever the RCODE, the proof holds for the name alone and not for those below it, so
		// that it is used as that of a name without the type.
		out.Kind = wire.KindNoData
	case out.Kind == wire.KindNXDomain && j.r.Kind == wire.KindNoData:
		return j.optOut(t, out)
	case out.Kind == wire.KindNoData && j.r.Kind == wire.KindNXDomain && p != proofEmpty:
		// The server denies the name, but its proof denies only the type, or, under opt-out, does
		// not deny the wildcard (RFC 5155, section 8.4). The RCODE is not changed, except for an
		// empty non-terminal: many servers treat those as names that do not exist. The proof is
		// then clear, while a name error would deny the names below, which exist (RFC 8020, section
		// 2).
		return Verdict{Status: wire.Bogus, Failure: cause.New(cause.DenialInvalid, t.Zone, "%s/%s",
			q.Name, q.Type)}
	}
	return out
}

// optOut accepts NODATA whose proof denies the name only under opt-out, where the name may exist.
func (j *judge) optOut(t Trust, out Verdict) Verdict {
	if out.Kind = wire.KindNoData; out.Status == wire.Insecure {
		return out
	}
	return Verdict{Status: wire.Bogus, Failure: cause.New(cause.DenialInvalid, t.Zone, "%s/%s",
		j.r.Question.Name, j.r.Question.Type)}
}

// denier returns the trust in the zone that a negative response is from: the signer of its proofs,
// or the zone that encloses the name.
func (j *judge) denier() (Trust, Need) {
	if t, is := j.excepted(j.r.Question.Name, j.r.Question.Type); is {
		return t, Need{}
	}
	for _, t := range []wire.Type{wire.TypeNSEC, wire.TypeNSEC3, wire.TypeSOA} {
		for _, s := range j.r.Authority {
			if s.Type != t || s.Sigs.Len() == 0 {
				continue
			}
			if names := j.signers(s); len(names) > 0 && j.deniesFor(names[0]) {
				return j.signerTrust(s)
			}
		}
	}
	return j.enclosing(j.r.Question.Name, j.r.Question.Type)
}

// deniesFor reports whether a zone can deny the question: it encloses the name, strictly for DS.
func (j *judge) deniesFor(zone wire.Name) bool {
	q := j.r.Question
	if q.Type == wire.TypeDS && !q.Name.IsRoot() {
		return q.Name.Below(zone)
	}
	return q.Name.Within(zone)
}
