// Describing: from the evidence to the report's steps and zones.

package explain

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/validator"
	"bailiwick/wire"
)

// describe fills the report.
func (x *explainer) describe(steps []stepState, a *resolver.Answer) {
	for _, s := range steps {
		x.report.Steps = append(x.report.Steps, x.stepOf(s))
	}
	for _, z := range x.inOrder() {
		x.report.Zones = append(x.report.Zones, x.zone(z))
	}
	if f := a.Failure; f != nil && a.RCode == wire.RCodeServFail {
		x.report.Broken = x.faultOf(f)
		x.place(x.report.Broken)
	} else if f != nil {
		x.report.Reason = x.faultOf(f)
		x.place(x.report.Reason)
	}
	for i := range x.report.Zones { // all signatures are known now
		x.roles(&x.report.Zones[i])
	}
	x.found.take(x.c.since(x.found.read))
	r, f := x.report, x.found
	r.Exchanges, r.Exceptions, r.Seen, r.Notes = f.exchanges, f.exceptions, f.passed(), f.notes
	x.remember()
	if x.c.left > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d events are left out", x.c.left))
	}
	r.Summary = summary(r)
}

// inOrder returns the zones of the chain, parents first.
func (x *explainer) inOrder() (zones []*zoneState) {
	for _, z := range x.zones {
		zones = append(zones, z)
	}
	slices.SortFunc(zones, func(a, b *zoneState) int {
		return cmp.Or(cmp.Compare(a.name.Labels(), b.name.Labels()), a.name.Compare(b.name))
	})
	return zones
}

// stepOf returns a step of the alias chain.
func (x *explainer) stepOf(s stepState) Step {
	out := Step{Name: s.name.String(), Type: s.t.String(), Kind: "failure", From: "nothing",
		Status: wire.Unchecked.String()}
	if s.failure != nil && s.failure.Cause.Kind() == cause.KindDNSSEC {
		out.Status = wire.Bogus.String()
	}
	if e := s.evidence; e != nil {
		out.Kind, out.Status, out.From = e.Kind.String(), e.status.String(), e.from
		out.Records, out.Signatures = x.records(e.Sets), x.signatures(e.Sets)
		if e.Kind.IsDenial() {
			out.Denial = x.denial(e, s.key)
			out.Signatures = append(out.Signatures, x.signatures(e.Proofs)...)
		} else if len(e.Proofs) > 0 {
			out.Denial = x.denial(e, s.key)
		}
	}
	if !s.target.IsZero() {
		out.Target = s.target.String()
	}
	if zone := x.signedBy(s); !zone.IsZero() {
		out.Zone = zone.String()
	}
	out.Fault = x.faultOf(s.failure)
	return out
}

// signedBy returns the zone that has signed a step, or whose signatures it has; zero for none.
func (x *explainer) signedBy(s stepState) wire.Name {
	switch {
	case s.evidence == nil:
		return wire.Name{}
	case !s.zone.IsZero():
		return s.zone
	}
	return x.signerOf(s.evidence, s.name)
}

// zone returns a zone of the chain.
func (x *explainer) zone(z *zoneState) Zone {
	out := Zone{Name: z.name.String(), Status: x.statusOf(z).String()}
	if !z.parent.IsZero() && !z.anchored {
		out.Parent = z.parent.String()
	}
	var keys *wire.RRset
	if z.keys != nil {
		keys = wire.FindType(z.keys.Sets, wire.TypeDNSKEY)
	}
	if z.anchored {
		out.Anchors = dsRecords(x.r.AnchorsOf(z.name), z.name, keys)
	}
	if z.ds != nil {
		out.DS = dsRecords(wire.FindType(z.ds.Sets, wire.TypeDS), z.name, keys)
		out.DSSignatures = x.signatures(z.ds.Sets)
		if z.ds.Kind.IsDenial() {
			out.NoDS = x.denial(z.ds, key{z.name, wire.TypeDS})
			out.DSSignatures = x.signatures(z.ds.Proofs)
		}
	}
	if keys != nil {
		out.Keys = keyRecords(keys, append(slices.Clone(out.DS), out.Anchors...))
		out.KeySignatures = x.signatures(z.keys.Sets)
	}
	return out
}

// statusOf returns the status of a zone.
func (x *explainer) statusOf(z *zoneState) wire.Security {
	switch {
	case z.keys != nil:
		return z.keys.status
	case z.ds != nil && z.ds.status == wire.Bogus:
		return wire.Bogus
	case z.ds != nil && (z.ds.Kind.IsDenial() || z.ds.status == wire.Insecure):
		return wire.Insecure
	}
	if f := x.found.failed[key{z.name, wire.TypeDNSKEY}]; f != nil &&
		f.Cause.Kind() == cause.KindDNSSEC {
		return wire.Bogus
	}
	return wire.Unchecked
}

// place puts a fault at the zone, or at the step, that it breaks.
func (x *explainer) place(f *Fault) {
	switch f.Kind {
	case kindAnchor, kindDS, kindDNSKEY, kindServers:
		for i := range x.report.Zones {
			z := &x.report.Zones[i]
			if z.Name != f.Zone {
				continue
			}
			if z.Fault = f; f.Kind != kindServers && x.report.Broken == f {
				z.Status = wire.Bogus.String()
			} else if x.report.Reason == f && z.Status == wire.Unchecked.String() {
				z.Status = wire.Insecure.String()
			}
		}
	case kindSignature, kindDenial:
		for i := range x.report.Zones { // of a DS, or of its denial
			z := &x.report.Zones[i]
			if z.Parent == f.Zone && z.Status == wire.Bogus.String() && z.Keys == nil {
				z.Fault = f
			}
		}
	}
}

// records returns records of sets in presentation form, the first ones.
func (x *explainer) records(sets []*wire.RRset) (lines []string) {
	for _, s := range sets {
		for d := range s.Data.All() {
			if len(lines) == maxRecords {
				return append(lines, "; more are left out")
			}
			lines = append(lines, recordText(s, d))
		}
	}
	return lines
}

// signatures returns the signatures of sets.
func (x *explainer) signatures(sets []*wire.RRset) (out []Signature) {
	for _, s := range sets {
		for d := range s.Sigs.All() {
			sig, err := wire.ParseRRSIG(d)
			if err != nil || len(out) == maxRecords {
				continue
			}
			one := x.signature(&sig)
			one.Covers = fmt.Sprintf("%s/%s", s.Name, s.Type)
			one.Verified = s.Security == wire.Secure && s.Until == sig.Expiration && one.KeyKnown
			if one.Verified {
				x.signs(sig.Signer, sig.KeyTag)
			}
			out = append(out, one)
		}
	}
	return out
}

// signs notes that a key signs something.
func (x *explainer) signs(zone wire.Name, tag uint16) {
	if x.signed[zone] == nil {
		x.signed[zone] = map[uint16]bool{}
	}
	x.signed[zone][tag] = true
}

// signature returns one signature. Its times are in serial arithmetic (RFC 4034, section 3.1.5).
func (x *explainer) signature(sig *wire.RRSIG) Signature {
	now := uint32(x.now.Unix())
	near := func(t uint32) time.Time { return x.now.Add(time.Duration(int32(t-now)) * time.Second) }
	out := Signature{Tag: sig.KeyTag, Algorithm: sig.Algorithm,
		AlgorithmName: algorithmName(sig.Algorithm), Signer: sig.Signer.String(),
		Inception: near(sig.Inception), Expiration: near(sig.Expiration),
		Remaining: int64(int32(sig.Expiration - now)), State: "in time"}
	switch {
	case int32(sig.Expiration-sig.Inception) < 0:
		out.State = "reversed"
	case out.Remaining < 0:
		out.State = "expired"
	case int32(now-sig.Inception) < 0:
		out.State = "not yet valid"
	}
	if z := x.zones[sig.Signer]; z != nil && z.keys != nil {
		for d := range keyData(z.keys.Sets) {
			k, err := wire.ParseDNSKEY(d)
			out.KeyKnown = out.KeyKnown || err == nil && k.Algorithm == sig.Algorithm &&
				wire.KeyTag(d) == sig.KeyTag
		}
	}
	return out
}

// keyData yields the RDATA of a DNSKEY set among sets.
func keyData(sets []*wire.RRset) func(func([]byte) bool) {
	if s := wire.FindType(sets, wire.TypeDNSKEY); s != nil {
		return s.Data.All()
	}
	return func(func([]byte) bool) {}
}

// dsRecords returns the records of a DS set or of trust anchors, each with whether a key matches.
func dsRecords(set *wire.RRset, zone wire.Name, keys *wire.RRset) (out []DS) {
	if set == nil {
		return nil
	}
	for d := range set.Data.All() {
		ds, err := wire.ParseDS(d)
		if err != nil || len(out) == maxRecords {
			continue
		}
		one := DS{Tag: ds.KeyTag, Algorithm: ds.Algorithm,
			AlgorithmName: algorithmName(ds.Algorithm), Digest: ds.Digest,
			DigestName: digestName(ds.Digest), Hash: hex.EncodeToString(ds.Hash)}
		if keys != nil {
			n := 0
			for k := range keys.Data.All() {
				if n++; n > maxRecords || one.Matches {
					break
				}
				one.Matches = validator.Matches(ds, zone, k)
			}
		}
		out = append(out, one)
	}
	return out
}

// keyRecords returns the keys of a set; ds are the DS records and anchors of the zone.
func keyRecords(set *wire.RRset, ds []DS) (out []Key) {
	for d := range set.Data.All() {
		k, err := wire.ParseDNSKEY(d)
		if err != nil || len(out) == maxRecords {
			continue
		}
		tag := wire.KeyTag(d)
		out = append(out, Key{Tag: tag, Algorithm: k.Algorithm,
			AlgorithmName: algorithmName(k.Algorithm), Bits: keyBits(&k), Flags: k.Flags,
			Named: slices.ContainsFunc(ds, func(r DS) bool {
				return r.Tag == tag && r.Algorithm == k.Algorithm && r.Matches
			})})
	}
	return out
}

// roles tells what each key of a zone is for: a key with the SEP flag that signs more than the
// keys, or the only key of its zone, is both (RFC 8901, section 3).
func (x *explainer) roles(z *Zone) {
	name, err := wire.ParseName(z.Name)
	if err != nil {
		return
	}
	for i := range z.Keys {
		k := &z.Keys[i]
		ofKeys := slices.ContainsFunc(z.KeySignatures, func(s Signature) bool {
			return s.Tag == k.Tag && s.Algorithm == k.Algorithm
		})
		k.Signs = ofKeys || x.signed[name][k.Tag]
		switch {
		case k.Flags&wire.KeyFlagZone == 0:
			k.Role = "not a zone key"
		case k.Flags&wire.KeyFlagRevoke != 0:
			k.Role = "revoked"
		case k.Flags&wire.KeyFlagSEP == 0 && !(k.Named && len(z.Keys) == 1):
			k.Role = "ZSK"
		case len(z.Keys) == 1 || !x.otherSigner(z, k):
			k.Role = "CSK"
		default:
			k.Role = "KSK"
		}
	}
}

// otherSigner reports whether the zone has a key without the SEP flag.
func (x *explainer) otherSigner(z *Zone, of *Key) bool {
	return slices.ContainsFunc(z.Keys, func(k Key) bool {
		return k.Flags&wire.KeyFlagSEP == 0 && k.Flags&wire.KeyFlagZone != 0 && k.Tag != of.Tag
	})
}

// remember adds the failures that the resolver has kept of the questions that the report is about.
func (x *explainer) remember() {
	asked := []key{}
	for _, s := range x.report.Steps {
		if name, err := wire.ParseName(s.Name); err == nil {
			t, _ := wire.ParseType(s.Type)
			asked = append(asked, key{name, t})
		}
	}
	for _, z := range x.inOrder() {
		asked = append(asked, key{z.name, wire.TypeDS}, key{z.name, wire.TypeDNSKEY})
	}
	for _, k := range asked {
		f, ok := x.r.Remembered(wire.Question{Name: k.name, Type: k.t, Class: wire.ClassIN})
		if !ok {
			continue
		}
		x.report.Remembered = append(x.report.Remembered, Remembered{Name: k.name.String(),
			Type: k.t.String(), Cause: f.Failure.Cause.Label(), Text: f.Failure.Error(),
			First: f.First.UTC(), Last: f.Last.UTC(), Until: f.Until.UTC(), Count: f.Count,
			Active: x.found.remembered[k]})
	}
}

// summary returns the report in a sentence.
func summary(r *Report) string {
	question := r.Name + " " + r.Type
	switch {
	case r.Broken != nil && r.Status == wire.Bogus.String():
		return question + " is bogus: broken is " + r.Broken.Link
	case r.Broken != nil:
		return question + " cannot be resolved: the fault is with " + r.Broken.Link
	case len(r.Steps) == 0:
		return question + ": nothing is known"
	}
	last := r.Steps[len(r.Steps)-1]
	what := map[string]string{"no such type": "there is no such type, which is ",
		"no such name": "there is no such name, which is "}[last.Kind]
	if what == "" {
		what = "the answer is "
	}
	text := question + ": " + what + r.Status
	if r.Reason != nil {
		text += ": " + r.Reason.Meaning
	}
	return text
}
