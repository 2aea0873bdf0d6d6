// Local data: records, zones, hosts files, and lists of blocked names.

package snapshot

import (
	"io"
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
		found = append(found, loadList(cfg, h, "hosts file", b.AddHosts)...)
	}
	for _, l := range cfg.BlockLists {
		found = append(found, loadList(cfg, l, "block list", func(from io.Reader) (int, error) {
			return b.AddList(l.Path, l.Action, from)
		})...)
	}
	d, err := b.Data()
	if err != nil {
		found = append(found, cfg.Error("policy.local_records", "%v", err))
	}
	return d, found
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
		found = append(found, cfg.Warning(l.Key+".file", "%s %s: %d entries are no names, and are "+
			"left out", what, l.Path, skipped))
	}
	return found
}
