// Package archtest holds the walls of the house: rules about the source that the compiler does not know, as tests.
// It has no code of its own and no other package may need it.
//
//   - imports_test.go: who may import whom. Each room lists the rooms it may see; a new room is added to the table
//     there, and that is when one decides what it may know. Database drivers are seen only in store, gorilla only in
//     web, configparser only in internal/config, the test kit only by tests.
//   - calls_test.go: calls that nobody may make in a room, such as time.Now outside cmd (the clock is passed in),
//     http.Error in web (one place writes errors), os.Exit outside main, init functions, undocumented panics.
//   - sizes_test.go: a file past 500 lines is two rooms, a function past 80 is several.
//   - tree_test.go: nothing committed names a path of somebody's machine or a package registry.
//   - modules_test.go: the list of modules, so that each addition is a visible decision (-update), and the one
//     version of modernc.org/libc that modernc.org/sqlite was made with.
//
// Each rule is a function from parsed files to complaints, and each is tried on a file that breaks it: a wall that
// cannot fail holds nothing.
package archtest
