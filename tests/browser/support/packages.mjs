// The web interface's own packages: these tests lie outside its folder, so that node does not find them by itself.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../webui/package.json', import.meta.url));

export const { chromium } = require('playwright-core');
export const { AxeBuilder } = require('@axe-core/playwright');
