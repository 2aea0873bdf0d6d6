package config

import (
	"strings"
	"testing"

	"bailiwick/internal/localdata"
)

// What is written of local data is what is read, short forms included.
func TestLocalData(t *testing.T) {
	c, found := written(t, "policy:\n  local_zones: [{name: Corp.Example, type: Static}, "+
		"{name: ads.example, type: redirect}]\n"+
		"  local_records: [\"www.corp.example A 192.0.2.1\"]\n  hosts_files: [hosts]\n"+
		"  block_lists: [ads.txt, {file: more.txt, action: refuse}]\n")
	if len(found) > 0 {
		t.Fatal(found)
	}
	if len(c.LocalZones) != 2 || c.LocalZones[0].Type != localdata.Static ||
		c.LocalZones[0].Name.String() != "corp.example." ||
		c.LocalZones[1].Type != localdata.Redirect {
		t.Errorf("zones: %+v", c.LocalZones)
	}
	if len(c.LocalRecords) != 1 || len(c.HostsFiles) != 1 || len(c.BlockLists) != 2 ||
		c.BlockLists[0].Action != localdata.ListNXDomain ||
		c.BlockLists[1].Action != localdata.ListRefuse ||
		!strings.HasSuffix(c.BlockLists[1].Path, "/more.txt") {
		t.Errorf("%+v %+v %+v", c.LocalRecords, c.HostsFiles, c.BlockLists)
	}
}

// What is wrong with local data is said where it stands, with what would be right.
func TestLocalDataThatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"local_zones: [{name: a.example}]":             "is not one of transparent",
		"local_zones: [{name: a.example, type: deny}]": "is not one of transparent",
		"local_zones: [{type: static}]":                "lacks its name",
		"local_zones: [{name: a..b, type: static}]":    "name \"a..b\"",
		"local_zones: [{name: a, type: static}, {name: A., type: drop}]": "given twice, here and " +
			"as policy.local_zones[0]",
		"block_lists: [{action: refuse}]":                  "lacks its file",
		"block_lists: [{file: ads.txt, action: allowall}]": "is not one of nxdomain",
		"hosts_files: [\"\"]":                              "lacks its path",
	} {
		_, found := written(t, "policy:\n  "+text+"\n")
		if len(found) != 1 || !strings.Contains(found[0].Error(), want) ||
			!strings.Contains(found[0].Error(), ":2:") {
			t.Errorf("%s: %v", text, found)
		}
	}
}
