// Local data: records, zones, hosts files, and lists of blocked names.

package snapshot

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"

	"bailiwick/internal/config"
	"bailiwick/internal/localdata"
	"bailiwick/internal/weblist"
)

// Policy is the policy of some of the clients, with its local data loaded.
type Policy struct {
	config.ViewPolicy
	Local *localdata.Data // nil if it cannot be loaded
	// Realm is the place of its way of resolving in [Snapshot.Realms] from 1 on; 0: that of all
	// clients.
	Realm int
	// Class is the place of the first policy that gives the same answers.
	Class int

	lists string // which they are
}

// loadPolicies loads the policy of all clients, and of each view. Equal data are loaded once, and
// views whose policies give the same answers have one class.
func (s *Snapshot) loadPolicies() (found config.Findings) {
	l := loader{cfg: s.Config, zones: map[string]*localdata.Data{},
		lists: map[string]*localdata.Data{}, both: map[[2]string]*localdata.Data{}}
	for i, p := range s.Config.Policies() {
		data, lists := l.load(p.Data)
		own := Policy{ViewPolicy: p, Local: data, Realm: s.realmOf(&p), Class: i, lists: lists}
		for _, o := range s.Policies {
			if o.Local == own.Local && o.Realm == own.Realm &&
				reflect.DeepEqual(o.Private, own.Private) &&
				reflect.DeepEqual(o.Special, own.Special) &&
				reflect.DeepEqual(o.DNS64.DNS64, own.DNS64.DNS64) {
				own.Class = o.Class
				break
			}
		}
		s.Policies = append(s.Policies, own)
	}
	s.Local, s.Records, s.inFiles = s.Policies[0].Local, l.records, l.blocked
	s.Blocked, s.Fetched = s.inFiles, s.Config.FetchedLists()
	return l.found
}

// TakeLists puts the lists by URL to use as their texts are now. It takes a second for a million
// names. Policies that have shared their data share them again.
func (s *Snapshot) TakeLists(text func(url string) io.Reader) {
	if len(s.Fetched) == 0 {
		return
	}
	s.Policies, s.Blocked = slices.Clone(s.Policies), s.inFiles
	built, renewed := map[string]*localdata.Data{}, map[*localdata.Data]*localdata.Data{}
	for i := range s.Policies {
		p := &s.Policies[i]
		if p.Local == nil {
			continue
		}
		if built[p.lists] == nil {
			built[p.lists] = p.Local.WithFetched(text)
			s.Blocked += built[p.lists].Fetched()
		}
		if renewed[p.Local] == nil {
			renewed[p.Local] = p.Local.WithLists(built[p.lists])
		}
		p.Local = renewed[p.Local]
	}
	s.Local = s.Policies[0].Local
}

// loader loads local data: records and zones, and lists of blocked names, each by what names them.
type loader struct {
	cfg              *config.Config
	zones, lists     map[string]*localdata.Data
	both             map[[2]string]*localdata.Data
	found            config.Findings
	records, blocked int
}

// load returns local data, with all files that are named, and which lists they have.
func (l *loader) load(d config.LocalData) (all *localdata.Data, lists string) {
	var zones []localdata.Zone
	for i := range d.LocalZones {
		zones = append(zones, d.LocalZones[i].Zone)
	}
	ofZones := fmt.Sprintf("%v %q %v", zones, d.LocalRecords, paths(d.HostsFiles))
	ofLists := fmt.Sprint(paths(d.BlockLists))
	key := [2]string{ofZones, ofLists}
	if have, ok := l.both[key]; ok {
		return have, ofLists
	}
	if _, ok := l.zones[ofZones]; !ok {
		l.zones[ofZones] = l.loadZones(zones, d)
	}
	if _, ok := l.lists[ofLists]; !ok {
		l.lists[ofLists] = l.loadLists(d)
	}
	if z := l.zones[ofZones]; z != nil {
		all = z.WithLists(l.lists[ofLists])
	}
	l.both[key] = all
	return all, ofLists
}

// paths are those of files, with what is done with their names.
func paths(files []config.ListFile) (out []string) {
	for _, f := range files {
		out = append(out, fmt.Sprintf("%q %q %s", f.Path, f.URL, f.Action))
	}
	return out
}

// loadZones loads records, zones and hosts files.
func (l *loader) loadZones(zones []localdata.Zone, d config.LocalData) *localdata.Data {
	b := localdata.NewBuilder(zones)
	for i, text := range d.LocalRecords {
		if err := b.AddText(text); err != nil {
			l.found = append(l.found, l.cfg.Error(config.Item(d.RecordsKey, i), "%v", err))
		}
	}
	for _, h := range d.HostsFiles {
		l.found = append(l.found, loadList(l.cfg, h, "hosts file", b.AddHosts)...)
	}
	data, err := b.Data()
	if err != nil {
		l.found = append(l.found, l.cfg.Error(d.RecordsKey, "%v", err))
		return nil
	}
	l.records += data.Records()
	return data
}

// loadLists loads lists of blocked names.
func (l *loader) loadLists(d config.LocalData) *localdata.Data {
	b := localdata.NewBuilder(nil)
	for _, f := range d.BlockLists {
		if f.URL != "" {
			b.AddFetched(weblist.Shown(f.URL), f.URL, f.Action)
			continue
		}
		l.found = append(l.found, loadList(l.cfg, f, "block list",
			func(from io.Reader) (int, error) { return b.AddList(f.Path, f.Action, from) })...)
	}
	data, _ := b.Data() // lists alone fit together always
	l.blocked += data.Blocked()
	return data
}

// loadList has a file of names read, and returns what is wrong with it.
func loadList(cfg *config.Config, l config.ListFile, what string,
	add func(io.Reader) (skipped int, err error)) (found config.Findings) {
	f, err := os.Open(l.Path)
	if err != nil {
		return append(found, cfg.Error(l.Key+".file", "%s: %v", what, err))
	}
	defer f.Close()
	skipped, err := add(f)
	if err != nil {
		found = append(found, cfg.Error(l.Key+".file", "%s: %v", what, err))
	}
	if skipped > 0 {
		found = append(found, cfg.Warning(l.Key+".file", "%s %s: %d entries are not names, and "+
			"are left out", what, l.Path, skipped))
	}
	return found
}
