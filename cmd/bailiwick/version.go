package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the build of a release.
var version = "development"

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), versionText())
		},
	}
}

// versionText returns the version, the revision that it was built from, the compiler and the
// system.
func versionText() string {
	built := version
	if r := revision(); r != "" {
		built += " " + r
	}
	return fmt.Sprintf("bailiwick %s %s %s/%s", built, runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
}

// revision returns the revision that the program was built from, "" if that is not known.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}
