// A failure: a cause with the zone, the server and the details of one case.

package cause

import (
	"cmp"
	"fmt"
	"strings"
)

// Scope is what a failure may be remembered against: never more than what has caused it.
type Scope uint8

// The scopes.
const (
	ScopeName  Scope = iota // the name that was asked for, or its zone
	ScopeQuery              // one client query, which met a limit before all was tried
	ScopeLink               // this machine's network: no server of any zone replied meanwhile
)

// Failure is a cause with its zone, its server and details. It is an error.
type Failure struct {
	Cause  Cause
	Zone   string   // the zone at fault, "" if not known
	Server string   // the server that failed, "" if the failure is not about one
	Detail string   // key tag, type, owner and the like
	Under  *Failure // the failure that led to this one, if any
	Scope  Scope    // see HeldAgainst
	inside bool     // the server is for the log only; see Inside
	Remedy string   // advice in place of that of the table; see Hint
	Actor  Actor    // who has to take it, if there is any; see By
	// Unconfirmed reports whether the data at fault came over UDP and may have been forged, since
	// their server could not be asked over TCP; see Doubtful.
	Unconfirmed bool
}

// HeldAgainst returns what the failure may be remembered against. A limit concerns only the query
// that met it, and a failure that another one led to reaches no further than that one.
func (f *Failure) HeldAgainst() Scope {
	for ; f != nil; f = f.Under {
		switch {
		case f.Scope != ScopeName:
			return f.Scope
		case f.Cause.Kind() == KindLimit, f.Cause.Kind() == KindInternal,
			f.Cause == Stopping, f.Cause == ClientGone:
			return ScopeQuery
		}
	}
	return ScopeName
}

// Doubtful reports whether the failure, or one that led to it, may be an attacker's work, for whom
// one packet that fits is enough.
func (f *Failure) Doubtful() bool {
	for ; f != nil; f = f.Under {
		if f.Unconfirmed {
			return true
		}
	}
	return false
}

// Within returns a copy that is held against a scope.
func (f *Failure) Within(s Scope) *Failure {
	g := *f
	g.Scope = s
	return &g
}

// New returns a failure. The detail is a format for args.
func New(c Cause, zone fmt.Stringer, detail string, args ...any) *Failure {
	f := &Failure{Cause: c, Detail: fmt.Sprintf(detail, args...)}
	if zone != nil {
		f.Zone = zone.String()
	}
	return f
}

// Hint returns advice to the operator of this resolver.
func (f *Failure) Hint() string { return cmp.Or(f.Remedy, f.Cause.Hint()) }

// By returns who has to act.
func (f *Failure) By() Actor { return cmp.Or(f.Actor, f.Cause.By()) }

// At returns a copy that names the server.
func (f *Failure) At(server fmt.Stringer) *Failure {
	g := *f
	g.Server = server.String()
	return &g
}

// Inside returns a copy whose server is in the log, and not in answers to clients.
func (f *Failure) Inside() *Failure {
	if f.Server == "" {
		return f
	}
	g := *f
	g.inside = true
	return &g
}

// Extra returns the EXTRA-TEXT: zone, server and detail. If it is too long, names in it are
// shortened first, so that key tags, types and addresses stay complete.
func (f *Failure) Extra() string {
	server := f.Server
	if f.inside {
		server = ""
	}
	var words []string
	over := -maxExtra - 1
	for w := range strings.FieldsSeq(f.Zone + " " + server + " " + f.Detail) {
		words = append(words, w)
		over += len(w) + 1
	}
	if len(words) == 0 {
		return f.Cause.Text()
	}
	for over > 0 {
		longest, end := -1, minShort
		for i, w := range words {
			if n := nameIn(w); n > end {
				longest, end = i, n
			}
		}
		if longest < 0 {
			break
		}
		w := words[longest]
		keep := max(minShort, end-over)
		words[longest] = w[:(keep-3)/2] + "..." + w[end-(keep-2)/2:]
		over -= end - keep
	}
	s := strings.Join(words, " ")
	return s[:min(len(s), maxExtra)]
}

// nameIn returns the length of the domain name at the beginning of a word such as
// "www.example./A", 0 if there is none. Names are absolute, and have no spaces.
func nameIn(word string) int {
	if strings.HasSuffix(word, ".") {
		return len(word)
	}
	return strings.LastIndex(word, "./") + 1
}

// Error returns the text of the cause with zone, server, detail and the failure that led to it.
func (f *Failure) Error() string {
	s := f.Cause.Text()
	if f.Zone != "" {
		s += ": zone " + f.Zone
	}
	if f.Server != "" {
		s += ", server " + f.Server
	}
	if f.Detail != "" {
		s += ", " + f.Detail
	}
	if f.Under != nil {
		s += "; " + f.Under.Error()
	}
	return s
}
