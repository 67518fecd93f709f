/* Read by C and GLSL: twice the 16 values of E2M1 (MXFP4, NVFP4), signed bytes, four a word: 0 1 2 3 4 6
 * 8 12 and their negatives. */
0x03020100u, 0x0c080604u, 0xfdfeff00u, 0xf4f8fafcu
