import { testSwappedDirectory } from "./swapped_directory.ts";

testSwappedDirectory(2000);
