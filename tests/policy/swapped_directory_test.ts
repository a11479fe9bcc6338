import { testSwappedDirectory } from "../support/policy/swapped_directory.ts";

testSwappedDirectory(150);
