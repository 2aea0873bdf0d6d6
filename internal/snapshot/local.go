// Local data: records, zones, hosts files, and lists of blocked names.

package snapshot

import (
	"os"

	"bailiwick/internal/config"
	"bailiwick/internal/localdata"
)

// loadLocal loads the operator's own data, with all files that are named.
func loadLocal(cfg *config.Config) (*localdata.Data, config.Findings) {
	var found config.Findings
	var zones []localdata.Zone
	for i := range cfg.LocalZones {
		zones = append(zones, cfg.LocalZones[i].Zone)
	}
	b := localdata.NewBuilder(zones)
	for i, text := range cfg.LocalRecords {
		if err := b.AddText(text); err != nil {
			found = append(found, cfg.Error(config.Item("policy.local_records", i), "%v", err))
		}
	}
	for _, h := range cfg.HostsFiles {
		f, err := os.Open(h.Path)
		skipped := 0
		if err == nil {
			skipped, err = b.AddHosts(f)
			_ = f.Close() // it was only read
		}
		found = append(found, aboutList(cfg, h, "hosts file", skipped, err)...)
	}
	for _, l := range cfg.BlockLists {
		f, err := os.Open(l.Path)
		skipped := 0
		if err == nil {
			skipped, err = b.AddList(l.Path, l.Action, f)
			_ = f.Close() // it was only read
		}
		found = append(found, aboutList(cfg, l, "block list", skipped, err)...)
	}
	d, err := b.Data()
	if err != nil {
		found = append(found, cfg.Error("policy.local_records", "%v", err))
	}
	return d, found
}

// aboutList returns what is wrong with a file of names.
func aboutList(cfg *config.Config, l config.ListFile, what string, skipped int, err error) (
	found config.Findings) {
	if err != nil {
		found = append(found, cfg.Error(l.Key+".file", "%s: %v", what, err))
	}
	if skipped > 0 {
		found = append(found, cfg.Warning(l.Key+".file", "%s %s: %d entries are no names, and are "+
			"left out", what, l.Path, skipped))
	}
	return found
}
