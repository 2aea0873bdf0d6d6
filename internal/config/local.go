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
	Path   string
	Action localdata.Action
	Key    string // what it is called in findings: policy.block_lists[0]
}

func setLocalZones(c *Config, v value) (err error) {
	c.LocalZones, err = localZones("policy.local_zones", v)
	return err
}

func localZones(key string, v value) (zones []LocalZone, err error) {
	err = v.each(func(i int, r record) (err error) {
		z := LocalZone{Key: Item(key, i)}
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
		l := ListFile{Path: r.text("file"), Key: Item(key, i)}
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
		lists = append(lists, l)
		return nil
	})
	return lists, err
}
