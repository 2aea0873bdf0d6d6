// Local data: records, zones, hosts files, and lists of blocked names.

package config

import (
	"fmt"
	"slices"
	"time"

	"bailiwick/internal/localdata"
	"bailiwick/internal/web"
	"bailiwick/internal/weblist"
	"bailiwick/wire"
)

// LocalZone is a local zone, as the file has it.
type LocalZone struct {
	localdata.Zone
	Key string // what it is called in findings: policy.local_zones[0]
}

// LocalData are all local data.
type LocalData struct {
	LocalZones   []LocalZone
	LocalRecords []string
	RecordsKey   string // what LocalRecords are called in findings
	HostsFiles   []ListFile
	BlockLists   []ListFile
}

// ListFile is a file of names.
type ListFile struct {
	Path    string        // "" if it is fetched
	URL     string        // where it is fetched from, "" if it is a file
	Refresh time.Duration // between two looks at what is fetched
	Action  localdata.Action
	Key     string // what it is called in findings: policy.block_lists[0]
}

// refreshLists is how often a list is fetched that does not say: their authors renew most of them
// once a day.
const refreshLists = 24 * time.Hour

// listFields are the fields of a block list.
var listFields = []string{"file/", "url", "action", "refresh"}

func setLocalZones(c *Config, v value) (err error) {
	c.LocalZones, err = localZones("policy.local_zones", v)
	return err
}

func localZones(key string, v value) (zones []LocalZone, err error) {
	err = v.each(func(i int, r record) (err error) {
		z := LocalZone{Key: Item(key, i)}
		if r.text("type") == "" {
			r = parted([]string{r.text("name")}, "name", "type")[0] // as in a view
		}
		if r.text("name") == "" {
			return fmt.Errorf("a local zone lacks its name; the root is %q", ".")
		}
		if z.Name, err = wire.ParseName(r.text("name")); err != nil {
			return inField("name", fmt.Errorf("name %q: %w", r.text("name"), err))
		}
		if j := slices.IndexFunc(zones, func(o LocalZone) bool {
			return o.Name == z.Name
		}); j >= 0 {
			return inField("name", fmt.Errorf("local zone %s is given twice, here and as %s",
				z.Name, zones[j].Key))
		}
		t, err := r.choice("type", localdata.TypeNames())
		if err != nil {
			return err
		}
		z.Type = localdata.Type(t)
		zones = append(zones, z)
		return nil
	})
	return zones, err
}

func setHostsFiles(c *Config, v value) (err error) {
	c.HostsFiles, err = hostsFiles("policy.hosts_files", v)
	return err
}

func hostsFiles(key string, v value) (files []ListFile, err error) {
	err = v.each(func(i int, r record) error {
		if r.text("file") == "" {
			return fmt.Errorf("a hosts file lacks its path")
		}
		files = append(files, ListFile{Path: r.text("file"), Key: Item(key, i)})
		return nil
	})
	return files, err
}

func setBlockLists(c *Config, v value) (err error) {
	c.BlockLists, err = blockLists("policy.block_lists", v)
	return err
}

func blockLists(key string, v value) (lists []ListFile, err error) {
	err = v.each(func(i int, r record) error {
		l, err := blockList(r)
		l.Key = Item(key, i)
		lists = append(lists, l)
		return err
	})
	return lists, err
}

// blockList reads a block list.
func blockList(r record) (l ListFile, err error) {
	l = ListFile{Path: r.text("file"), URL: r.text("url")}
	switch {
	case l.Path == "" && l.URL == "":
		return l, fmt.Errorf("a block list lacks its file or url")
	case l.Path != "" && l.URL != "":
		return l, inField("url", fmt.Errorf("a block list has a file or a url, and not both"))
	case l.URL != "":
		if err := web.CheckURL(l.URL); err != nil {
			return l, inField("url", err)
		}
		l.Refresh = refreshLists
	}
	if text := r.text("refresh"); text != "" {
		if l.URL == "" {
			return l, inField("refresh", fmt.Errorf("refresh is for lists by url: a file is read "+
				"at a reload"))
		}
		if l.Refresh, err = ParseDuration(text); err != nil || l.Refresh < weblist.MinRefresh ||
			l.Refresh > weblist.MaxRefresh {
			return l, inField("refresh", fmt.Errorf("refresh %q is not a time from %s to %s", text,
				durationText(weblist.MinRefresh), durationText(weblist.MaxRefresh)))
		}
	}
	if r.text("action") != "" {
		a, err := r.choice("action", localdata.ActionNames())
		if err != nil {
			return l, err
		}
		l.Action = localdata.Action(a)
	}
	return l, nil
}

// FetchedLists returns the lists that are fetched, each once, as often as the view wants it that
// wants it most often.
func (c *Config) FetchedLists() (all []weblist.List) {
	for _, p := range c.Policies() {
		for _, l := range p.Data.BlockLists {
			i := slices.IndexFunc(all, func(o weblist.List) bool { return o.URL == l.URL })
			switch {
			case l.URL == "":
			case i >= 0:
				all[i].Refresh = min(all[i].Refresh, l.Refresh)
			default:
				all = append(all, weblist.List{URL: l.URL, Refresh: l.Refresh})
			}
		}
	}
	return all
}

// listContradictions finds more lists than may be fetched.
func (c *Config) listContradictions(say reporter) {
	if n := len(c.FetchedLists()); n > weblist.MaxLists {
		say("policy.block_lists", "%d lists are by url; there may be %d", n, weblist.MaxLists)
	}
}
