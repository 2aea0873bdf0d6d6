// Proofs of denial in words.

package explain

import (
	"bytes"
	"encoding/base32"
	"fmt"
	"strings"

	"bailiwick/wire"
)

// base32hex is the form of hashes in owner names (RFC 5155, section 3.3).
var base32hex = base32.HexEncoding.WithPadding(base32.NoPadding)

// denial returns what the records of a denial say of a question, a sentence each. They describe;
// whether they prove anything is the validator's verdict.
func (x *explainer) denial(e *evidence, k key) (lines []string) {
	for _, s := range e.Proofs {
		if len(lines) == maxRecords {
			break
		}
		for d := range s.Data.All() {
			switch s.Type {
			case wire.TypeNSEC:
				if n, err := wire.ParseNSEC(d); err == nil {
					lines = append(lines, nsecWords(s.Name, n, k))
				}
			case wire.TypeNSEC3:
				if n, err := wire.ParseNSEC3(d); err == nil {
					lines = append(lines, x.nsec3Words(s.Name, n, k))
				}
			}
		}
	}
	if len(lines) == 0 && e.Kind.IsDenial() {
		lines = []string{"no NSEC or NSEC3 record came with it"}
	}
	return lines
}

// nsecWords tells what an NSEC record says.
func nsecWords(owner wire.Name, n wire.NSEC, k key) string {
	switch {
	case owner == k.name && n.Types.Has(wire.TypeNXNAME):
		return fmt.Sprintf("%s does not exist (a compact denial, RFC 9824)", owner)
	case owner == k.name:
		return fmt.Sprintf("%s exists with %s%s", owner, typesOf(n.Types), lacks(n.Types, k.t))
	case owner.IsWildcard() && k.name.Below(owner.Parent()) && !n.Types.Has(k.t):
		return fmt.Sprintf("the wildcard %s exists with %s%s", owner, typesOf(n.Types),
			lacks(n.Types, k.t))
	}
	text := fmt.Sprintf("no name is between %s and %s", owner, n.Next)
	if !between(owner, k.name, n.Next) {
		return text + ancestorWildcard(owner, n.Next, k.name)
	}
	if n.Next.Below(k.name) {
		return text + fmt.Sprintf(", so %s has names below it and no data", k.name)
	}
	return text + fmt.Sprintf(", so there is no %s", k.name)
}

// ancestorWildcard tells of the wildcard above a name that a span denies, "" if there is none.
func ancestorWildcard(owner, next, name wire.Name) string {
	for !name.IsRoot() {
		name = name.Parent()
		if w, ok := name.Wildcard(); ok && between(owner, w, next) {
			return fmt.Sprintf(", so there is no wildcard %s", w)
		}
	}
	return ""
}

// between reports whether a name is in a span in canonical order; the last span of a zone wraps.
func between(owner, name, next wire.Name) bool {
	after, before := owner.Compare(name) < 0, name.Compare(next) < 0
	if owner.Compare(next) < 0 {
		return after && before
	}
	return (after || before) && name.Within(next)
}

// nsec3Words tells what an NSEC3 record says. The names that its hash or its span may be about are
// the question's, its ancestors in the zone, and their wildcards.
func (x *explainer) nsec3Words(owner wire.Name, n wire.NSEC3, k key) string {
	hash, err := base32hex.DecodeString(strings.ToUpper(owner.Label()))
	zone := owner.Parent()
	if err != nil || !k.name.Within(zone) || n.Iterations > maxIterations {
		return fmt.Sprintf("NSEC3 %s with %d iterations", owner.Label(), n.Iterations)
	}
	optOut := ""
	if n.Flags&wire.NSEC3FlagOptOut != 0 {
		optOut = "; unsigned delegations may be in between (opt-out)"
	}
	for name := k.name; ; name = name.Parent() {
		for _, candidate := range withWildcard(name) {
			h := wire.NSEC3Hash(candidate, n.Iterations, n.Salt)
			switch {
			case bytes.Equal(h[:], hash) && len(n.Types) == 0:
				return fmt.Sprintf("%s has names below it and no data (hash %s)", candidate,
					owner.Label())
			case bytes.Equal(h[:], hash) && candidate == k.name:
				return fmt.Sprintf("%s exists with %s%s (hash %s)", candidate, typesOf(n.Types),
					lacks(n.Types, k.t), owner.Label())
			case bytes.Equal(h[:], hash):
				return fmt.Sprintf("%s exists with %s (hash %s)", candidate, typesOf(n.Types),
					owner.Label()) + alsoCovers(hash, n, k.name, candidate, optOut)
			}
		}
		if name == zone {
			break
		}
	}
	for name := k.name; name != zone; name = name.Parent() {
		for _, candidate := range withWildcard(name) {
			if covers(hash, n, candidate) {
				return fmt.Sprintf("the hash of %s is between %s and the next, so there is no "+
					"such name%s", candidate, owner.Label(), optOut)
			}
		}
	}
	if w, ok := zone.Wildcard(); ok {
		if covers(hash, n, w) {
			return fmt.Sprintf("the hash of %s is between %s and the next, so there is no such "+
				"wildcard%s", w, owner.Label(), optOut)
		}
	}
	return fmt.Sprintf("no hash is between %s and the next%s", owner.Label(), optOut)
}

// covers reports whether the hash of a name is in the span of an NSEC3 record.
func covers(hash []byte, n wire.NSEC3, name wire.Name) bool {
	h := wire.NSEC3Hash(name, n.Iterations, n.Salt)
	return wire.BetweenNSEC3(hash, h[:], n.Next)
}

// alsoCovers tells what the record of a name above says of the next name on the way to what was
// asked for, or of the wildcard: in a small zone one record matches the one and covers the other
// (RFC 5155, section 7.2.1). "" if it says nothing, as that of the wildcard which the answer is of
// does: what is below that is not on the way.
func alsoCovers(hash []byte, n wire.NSEC3, name, above wire.Name, optOut string) (text string) {
	if !name.Below(above) {
		return ""
	}
	for name.Below(above) && name.Labels() > above.Labels()+1 {
		name = name.Parent()
	}
	candidates := []wire.Name{name}
	if w, ok := above.Wildcard(); ok {
		candidates = append(candidates, w)
	}
	for _, c := range candidates {
		if covers(hash, n, c) {
			text += fmt.Sprintf("; the hash of %s is between it and the next, so there is no "+
				"such name", c)
		}
	}
	if text != "" {
		text += optOut
	}
	return text
}

// withWildcard returns a name and the wildcard below it.
func withWildcard(name wire.Name) []wire.Name {
	if w, ok := name.Wildcard(); ok {
		return []wire.Name{name, w}
	}
	return []wire.Name{name}
}

// typesOf lists the types of a bitmap.
func typesOf(m wire.TypeBitmap) string {
	var words []string
	types := m.Types()
	for _, t := range types[:min(len(types), maxTypesTold)] {
		words = append(words, t.String())
	}
	if more := len(types) - maxTypesTold; more > 0 {
		words = append(words, fmt.Sprintf("%d more types", more))
	}
	return strings.Join(words, ", ")
}

// lacks tells that a bitmap lacks a type, or that it does not.
func lacks(m wire.TypeBitmap, t wire.Type) string {
	if m.Has(t) {
		return ": it has " + t.String()
	}
	return ", and without " + t.String()
}
