package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// owner returns nobody: owners are not kept here.
func owner(fs.FileInfo) (uid, gid int) { return 0, 0 }

// remove removes a file or an empty folder. A program that runs cannot be removed here, and
// bailiwick uninstall is one: it is renamed, and removed at the next start of the machine.
func remove(path string) error {
	err := os.Remove(path)
	if err == nil || !errors.Is(err, windows.ERROR_ACCESS_DENIED) &&
		!errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return err
	}
	// Beside the root of the volume: the file has to stay on it, and its folder is to go.
	aside := filepath.Join(filepath.VolumeName(path)+`\`, "Windows", "Temp",
		fmt.Sprintf("bailiwick-removed-%d.exe", os.Getpid()))
	if moved := os.Rename(path, aside); moved != nil {
		return errors.Join(err, moved)
	}
	name, err := windows.UTF16PtrFromString(aside)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(name, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT)
}
