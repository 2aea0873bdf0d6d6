// Catalog zones (RFC 9432): their members come and go while the server runs.

package main

import (
	"io"
	"slices"
	"strings"
	"sync"

	"bailiwick/internal/catalog"
	"bailiwick/internal/guard"
	"bailiwick/internal/observe"
	"bailiwick/internal/snapshot"
	"bailiwick/internal/state"
	"bailiwick/wire"
	"bailiwick/zone"
)

// catalogs is what is known of the members of catalogs. It outlives a configuration.
type catalogs struct {
	mu      sync.Mutex
	book    catalog.Book
	read    map[wire.Name]*zone.Zone // the version of each catalog that was read last
	broken  map[wire.Name]string     // why it is of no use
	refused map[wire.Name][]string   // why members are not taken
}

// loadMembers returns the members that an earlier process knew: what it has copies of is used until
// the catalogs are there, also where these are broken (RFC 9432, section 5.1).
func (s *stack) loadMembers() {
	c := &s.catalogs
	c.read, c.broken, c.refused = map[wire.Name]*zone.Zone{}, map[wire.Name]string{},
		map[wire.Name][]string{}
	_ = s.state.Load(state.Catalogs, func(r io.Reader) (err error) { // it reports what is wrong
		c.book, err = catalog.Read(r)
		return err
	})
}

// members returns the members of the catalogs of a snapshot.
func (s *stack) members(p *snapshot.Snapshot) catalog.Book {
	s.catalogs.mu.Lock()
	defer s.catalogs.mu.Unlock()
	return s.catalogs.book.Keep(func(name wire.Name) bool { return p.CatalogOf(name) != nil })
}

// readCatalogs reads the catalogs of a snapshot that have another version, and reports what has
// changed.
func (s *stack) readCatalogs(p *snapshot.Snapshot) (all []catalog.Report) {
	c := &s.catalogs
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.book)
	c.book = c.book.Keep(func(name wire.Name) bool { return p.CatalogOf(name) != nil })
	for i := range p.Config.Catalogs {
		name := p.Config.Catalogs[i].Name
		z := s.keeper.Latest(name)
		if z == nil || c.read[name] == z {
			continue
		}
		c.read[name] = z
		members, err := catalog.Members(z)
		if err != nil {
			c.broken[name] = err.Error()
			s.log.Error("a catalog is broken; its members stay as they are", "catalog",
				name.String(), "serial", z.SOA().Serial, "error", err.Error())
			continue
		}
		delete(c.broken, name)
		var r catalog.Report
		c.book, r = c.book.Update(name, members, func(member wire.Name) string {
			return p.Admit(p.CatalogOf(name), member)
		})
		c.refused[name] = r.Refused
		s.sayMembers(name, &r)
		all = append(all, r)
	}
	if len(all) > 0 || len(c.book) != before {
		s.saveMembers()
	}
	return all
}

// sayMembers logs what has changed in a catalog.
func (s *stack) sayMembers(name wire.Name, r *catalog.Report) {
	if r.Any() {
		s.log.Info("members of a catalog have changed", "catalog", name.String(), "added",
			joinedNames(r.Added), "removed", joinedNames(r.Removed), "reset", joinedNames(r.Reset),
			"moved", joinedNames(r.Moved), "changed", joinedNames(r.Changed))
	}
	if len(r.Refused) > 0 {
		s.log.Error("zones of a catalog are not taken", "catalog", name.String(), "zones",
			len(r.Refused), "first", strings.Join(r.Refused[:min(len(r.Refused), 5)], "; "))
	}
}

// maxNamed is how many names a log line has.
const maxNamed = 20

// joinedNames writes names in one line.
func joinedNames(names []wire.Name) string {
	var text []string
	for _, n := range names[:min(len(names), maxNamed)] {
		text = append(text, n.String())
	}
	if len(names) > maxNamed {
		text = append(text, "...")
	}
	return strings.Join(text, " ")
}

// saveMembers saves the members; catalogs.mu is held.
func (s *stack) saveMembers() {
	_ = s.state.Save(state.Catalogs, s.catalogs.book.Write) // it reports a failure
}

// takeMembers has the queries to come go by the members that the catalogs have now.
func (r *running) takeMembers() {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if r.ended {
		return
	}
	old := r.now()
	reports := r.readCatalogs(old.configured)
	if !slices.ContainsFunc(reports, func(c catalog.Report) bool { return c.Any() }) {
		return
	}
	configured := *old.configured
	configured.TakeMembers(r.members(&configured))
	p := trusting(&configured, old.Anchors)
	next := &inUse{Snapshot: p, configured: &configured, class: old.after(),
		listeners: old.listeners, queries: old.queries, tap: old.tap,
		resolver: old.resolver.Successor(p.Resolver, r.parts(p, old.tap))}
	r.forgetRules(reports)
	r.keeper.Replace(p.Secondary)
	r.readAllRules(p.Policy)
	r.succeed(old, r.installWithRules(next), nil)
}

// rereadCatalogs has all catalogs processed soon: the configuration may admit other members now.
func (r *running) rereadCatalogs() {
	if len(r.now().Config.Catalogs) == 0 {
		return
	}
	r.catalogs.mu.Lock()
	clear(r.catalogs.read)
	r.catalogs.mu.Unlock()
	r.retiring.Go(func() { r.guard.Run(guard.Upkeep, r.takeMembers) })
}

// forgetRules forgets the rules of policy zones that begin anew.
func (s *stack) forgetRules(reports []catalog.Report) {
	s.enforced.mu.Lock()
	defer s.enforced.mu.Unlock()
	for _, c := range reports {
		for _, name := range c.Reset {
			delete(s.enforced.rules, name)
		}
	}
}

// readAgain has a catalog processed again, as if it had just been transferred: a zone that another
// one had may be free now (RFC 9432, section 5.5). It reports whether the name is a catalog's.
func (r *running) readAgain(name wire.Name) bool {
	if r.now().CatalogOf(name) == nil {
		return false
	}
	r.catalogs.mu.Lock()
	delete(r.catalogs.read, name)
	r.catalogs.mu.Unlock()
	r.takeMembers()
	return true
}

// catalogStates tells how it is with the catalogs that are in use.
func (s *stack) catalogStates() (all []observe.CatalogState) {
	now := s.now()
	if now == nil {
		return nil
	}
	c := &s.catalogs
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range now.Config.Catalogs {
		name := now.Config.Catalogs[i].Name
		all = append(all, observe.CatalogState{Name: name, Members: len(c.book.Of(name)),
			Refused: len(c.refused[name]), Broken: c.broken[name]})
	}
	return all
}

// placeOf tells what a zone has to do with catalogs: it is one, or a member of one.
func (s *stack) placeOf(name wire.Name) (place, problem string) {
	for _, c := range s.catalogStates() {
		if c.Name != name {
			continue
		}
		if problem = c.Broken; problem != "" {
			problem = "broken: " + problem
		}
		return "is one", problem
	}
	s.catalogs.mu.Lock()
	defer s.catalogs.mu.Unlock()
	if m, ok := s.catalogs.book[name]; ok {
		return m.Catalog.String(), ""
	}
	return "", ""
}
