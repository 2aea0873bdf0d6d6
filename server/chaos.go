// Questions about the server itself, in class CHAOS (RFC 4892).

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

var (
	identityNames = map[wire.Name]bool{wire.MustParseName("id.server"): true,
		wire.MustParseName("hostname.bind"): true}
	versionNames = map[wire.Name]bool{wire.MustParseName("version.server"): true,
		wire.MustParseName("version.bind"): true}
)

// chaos answers id.server and version.server, if the operator allows it, and ready.server.
func (r *request) chaos() []byte {
	text := ""
	switch {
	case identityNames[r.ask.Name]:
		text = r.rules.Identity
	case versionNames[r.ask.Name]:
		text = r.rules.Version
	case r.ask.Name == readyName:
		if not := r.server.notReady.Load(); not != nil {
			return r.unready(not)
		}
		text = "ready"
	}
	if text == "" || r.ask.Type != wire.TypeTXT && r.ask.Type != wire.TypeANY {
		return r.short(wire.RCodeRefused, &cause.Failure{Cause: cause.QueryRefused})
	}
	text = text[:min(len(text), 255)]
	set := &wire.RRset{Name: r.ask.Name, Type: wire.TypeTXT, Class: wire.ClassCH}
	set.Data = set.Data.Append(append([]byte{byte(len(text))}, text...))
	flags := wire.FlagQR | wire.FlagRA | r.q.Flags&wire.FlagRD
	b := wire.NewBuilder(r.limit(), r.q.ID, flags, r.questionName(), r.ask.Type, r.ask.Class)
	b.Add(wire.SectionAnswer, set, false)
	r.origin = event.OriginLocal
	r.responded(wire.RCodeNoError, wire.Unchecked)
	return r.finish(b, wire.RCodeNoError, nil)
}
