package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// scripts returns the shell part of the steps in deploy that check zones, each with the file ends
// of its reports, and the shell that the system runs it in.
func scripts(t *testing.T) map[string][]string {
	t.Helper()
	read := func(file string, into any) {
		text, err := os.ReadFile("../../deploy/" + file)
		if err == nil {
			err = yaml.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	var github struct {
		Jobs struct {
			Check struct {
				Steps []struct{ Name, Run string }
			}
		}
	}
	read("check-github.yaml", &github)
	var gitlab struct {
		Job struct {
			Script    []string
			Artifacts struct{ Reports struct{ Junit string } }
		} `yaml:"check-zones"`
	}
	read("check-gitlab.yaml", &gitlab)
	if gitlab.Job.Artifacts.Reports.Junit != "reports/*.xml" {
		t.Errorf("GitLab looks for reports at %q", gitlab.Job.Artifacts.Reports.Junit)
	}
	out := map[string][]string{strings.Join(gitlab.Job.Script, "\n"): {".xml", ".json"}}
	for _, s := range github.Jobs.Check.Steps {
		if s.Name == "Check zones" {
			out[s.Run] = []string{".xml", ".sarif"}
		}
	}
	if len(out) != 2 {
		t.Fatal("a step is missing")
	}
	return out
}

// The steps for pipelines check all zones, also after one that fails, write a report of each, and
// fail if one has. They take options with quotes.
func TestDeployedSteps(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "bailiwick")); err != nil {
		t.Fatal(err)
	}
	for script, ends := range scripts(t) {
		for zones, want := range map[string]int{"secure.example nsec3.example": 0,
			"expired.faulty secure.example": 1} {
			dir := t.TempDir()
			cmd := exec.Command("sh", "-e", "-c", script)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1", "ZONES="+zones,
				`CHECK_OPTIONS=--lab --names "www/A,www/TXT"`,
				"PATH="+bin+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			code := 0
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != want {
				t.Errorf("%s: status %d, want %d\n%s", zones, code, want, out)
			}
			for _, z := range strings.Fields(zones) {
				for _, end := range ends {
					if _, err := os.Stat(filepath.Join(dir, "reports", z+end)); err != nil {
						t.Errorf("%s: %v\n%s", zones, err, out)
					}
				}
			}
		}
	}
}
