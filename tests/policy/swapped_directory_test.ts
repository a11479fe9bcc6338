import { testSwappedDirectory } from "./swapped_directory.ts";

testSwappedDirectory(150);
