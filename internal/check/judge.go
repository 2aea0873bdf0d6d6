// The judgement as a whole.

package check

import (
	"fmt"
	"slices"
	"strings"

	"bailiwick/validator"
	"bailiwick/wire"
)

// judge is the state of one judgement.
type judge struct {
	o     *Observations
	v     *validator.Validator
	at    validator.Instant
	found []Finding
	trust map[*Server]validator.Trust // in the zone's keys, as each server has them
	soon  []ending                    // signatures that end soon
}

// Judge returns what is wrong with the zone, the gravest first.
func Judge(o *Observations) []Finding {
	j := &judge{o: o, v: validator.New(lenient()), at: validator.InstantOf(o.Now),
		trust: map[*Server]validator.Trust{}}
	j.reach()
	j.delegation()
	j.agreement()
	j.keys()
	j.answers()
	j.denials()
	j.cds()
	j.tlsa()
	j.nothing()
	for _, l := range o.Limits {
		j.add("limit-met", where{}, "%s", l)
	}
	return sorted(j.found)
}

// lenient is how signatures are verified. Some validators have no tolerance for clocks that are off
// (internetstandards/Internet.nl #1481), and what they refuse is broken. Signatures with SHA-1 are
// verified: that the algorithm is outdated is a finding of its own.
func lenient() validator.Config {
	cfg := validator.Default()
	cfg.Skew, cfg.SHA1 = 0, true
	return cfg
}

// nothing records that no server was seen, unless an error tells as much: a check that has looked
// at nothing may not pass.
func (j *judge) nothing() {
	if gravest, _ := worst(j.found); gravest == Error {
		return
	}
	for _, s := range j.o.Servers {
		for _, r := range s.Replies {
			if r.Msg != nil {
				return
			}
		}
	}
	j.add("nothing-checked", where{}, "%s", plural(len(j.o.Servers), "server address"))
}

// asked returns the replies of a server in a fixed order, without those that were not asked for.
func asked(s *Server) (qs []Query) {
	for q, r := range s.Replies {
		if r.Fault != NotAsked {
			qs = append(qs, q)
		}
	}
	slices.SortFunc(qs, func(a, b Query) int {
		if c := a.Name.Compare(b.Name); c != 0 {
			return c
		}
		if a.Type != b.Type {
			return int(a.Type) - int(b.Type)
		}
		return int(a.Form) - int(b.Form)
	})
	return qs
}

// text returns a question as a line of a finding has it.
func text(q wire.Question) string { return q.Name.String() + " " + q.Type.String() }

// list joins words, the first ones if there are many.
func list(words []string) string {
	if n := len(words) - maxListed; n > 1 {
		words = append(slices.Clone(words[:maxListed]), fmt.Sprintf("%d more", n))
	}
	return strings.Join(words, ", ")
}

// names returns names as words.
func names(ns []wire.Name) (words []string) {
	for _, n := range ns {
		words = append(words, n.String())
	}
	slices.Sort(words)
	return words
}
