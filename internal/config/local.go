// Local data: records, zones, hosts files, and lists of blocked names.

package config

import (
	"fmt"
	"slices"

	"bailiwick/internal/localdata"
	"bailiwick/wire"
)

// LocalZone is a local zone, as the file has it.
type LocalZone struct {
	localdata.Zone
	Key string // what it is called in findings: policy.local_zones[0]
}

// ListFile is a file of names.
type ListFile struct {
	Path   string
	Action localdata.Action
	Key    string // what it is called in findings: policy.block_lists[0]
}

func setLocalZones(c *Config, v value) error {
	c.LocalZones = nil
	return v.each(func(i int, r record) (err error) {
		z := LocalZone{Key: Item("policy.local_zones", i)}
		if r.text("name") == "" {
			return fmt.Errorf("a local zone lacks its name; the root is %q", ".")
		}
		if z.Name, err = wire.ParseName(r.text("name")); err != nil {
			return inField("name", fmt.Errorf("name %q: %w", r.text("name"), err))
		}
		if j := slices.IndexFunc(c.LocalZones, func(o LocalZone) bool {
			return o.Name == z.Name
		}); j >= 0 {
			return inField("name", fmt.Errorf("local zone %s is given twice, here and as %s",
				z.Name, c.LocalZones[j].Key))
		}
		t, err := r.choice("type", localdata.TypeNames())
		if err != nil {
			return err
		}
		z.Type = localdata.Type(t)
		c.LocalZones = append(c.LocalZones, z)
		return nil
	})
}

func setHostsFiles(c *Config, v value) error {
	c.HostsFiles = nil
	return v.each(func(i int, r record) error {
		if r.text("file") == "" {
			return fmt.Errorf("a hosts file lacks its path")
		}
		c.HostsFiles = append(c.HostsFiles, ListFile{Path: r.text("file"),
			Key: Item("policy.hosts_files", i)})
		return nil
	})
}

func setBlockLists(c *Config, v value) error {
	c.BlockLists = nil
	return v.each(func(i int, r record) error {
		l := ListFile{Path: r.text("file"), Key: Item("policy.block_lists", i)}
		if l.Path == "" {
			return fmt.Errorf("a block list lacks its file")
		}
		if r.text("action") != "" {
			a, err := r.choice("action", localdata.ActionNames())
			if err != nil {
				return err
			}
			l.Action = localdata.Action(a)
		}
		c.BlockLists = append(c.BlockLists, l)
		return nil
	})
}
