import { testSwappedDirectory } from "../support/policy/swapped_directory.ts";

testSwappedDirectory(2000);
